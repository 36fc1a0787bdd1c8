import type { Logger } from '../logger.ts'
import { errorText } from '../errors.ts'
import type { Envelope } from './envelope.ts'

/** Remembers, beyond the life of a process, that a message is run. */
export interface TrialNotes {
  /**
   * Notes that the message is about to run.
   *
   * @returns how many runs of it are noted, this one included.
   */
  begin(key: string): Promise<number>
  /** The message has a verdict: nothing is noted of it any more. */
  end(key: string): Promise<void>
}

/** Noted runs without a verdict after which a message is a dead letter. */
const MAX_TRIALS = 2

/**
 * Tells messages that end their process from those that only lay in it. The broker counts deliveries, whether the message
 * ran or not, so past `maxUnsettled` of them nothing is known. Such a message is run once more, alone, and noted before:
 * one whose noted runs end without a verdict is what ends the process, and becomes a dead letter; one that was never run
 * is handled like any other.
 */
export class Trials {
  readonly #notes: TrialNotes
  readonly #logger: Logger

  constructor(notes: TrialNotes, logger: Logger) {
    this.#notes = notes
    this.#logger = logger
  }

  /** What to do with a message that may end its process: run it, settle it unrun, or try again later. */
  async begin({ key, channel, consumer, seq, deliveryCount }: Envelope): Promise<'run' | 'unsettled' | 'later'> {
    const detail = { channel, consumer, seq, deliveries: deliveryCount }
    try {
      const runs = await this.#notes.begin(key)
      if (runs > MAX_TRIALS) {
        await this.end(key)
        return 'unsettled'
      }
      this.#logger.warn(
        { event: 'trialBegan', ...detail, runs },
        'message was delivered often and never settled; it is run alone, to see whether it ends the process',
      )
      return 'run'
    } catch (error) {
      this.#logger.error(
        { event: 'trialNotNoted', ...detail, error: errorText(error) },
        'message was delivered often and never settled; that it is run cannot be noted now, so it waits',
      )
      return 'later'
    }
  }

  async end(key: string): Promise<void> {
    try {
      await this.#notes.end(key)
    } catch (error) {
      // It is settled and does not come again; the note goes when space is needed.
      this.#logger.debug({ event: 'trialNoteLeft', key, error: errorText(error) }, 'note of a settled message is left')
    }
  }
}
