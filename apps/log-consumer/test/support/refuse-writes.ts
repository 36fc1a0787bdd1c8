import type { TestDatabase } from './databases.ts'

/** A Postgres that refuses writes, as a full disk does, and how often it was tried. */
export interface Refusal {
  attempts(): Promise<number>
  end(): Promise<void>
}

/** @param when which new rows are refused, in SQL. @param errcode the SQLSTATE of the refusal. */
export async function refuseWrites(
  database: TestDatabase,
  { when, errcode }: { readonly when: string; readonly errcode: string },
): Promise<Refusal> {
  // What a sequence has counted stays when its transaction is rolled back.
  await database.execute(`create sequence attempts;
    create function refuse() returns trigger language plpgsql as $$ begin
      if ${when} then
        perform nextval('attempts');
        raise exception 'could not extend file: No space left on device' using errcode = '${errcode}';
      end if;
      return new; end $$;
    create trigger refuse before insert on logs for each row execute function refuse()`)
  return {
    async attempts() {
      const [row] = await database.query<{ n: unknown }>('select last_value as n from attempts')
      return Number(row?.n)
    },
    end: () => database.execute('drop trigger refuse on logs'),
  }
}
