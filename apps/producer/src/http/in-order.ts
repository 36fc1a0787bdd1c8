/**
 * Answers items in their order, up to `maxInFlight` at once. An item is asked for only while there is room, and an
 * answer that nobody takes keeps its room: whoever sends is held to the pace of whoever reads. An answer does not wait
 * for the next item to come.
 *
 * @param answer never rejects.
 */
export async function* inOrder<I, O>(
  items: AsyncGenerator<I>,
  answer: (item: I) => Promise<O>,
  maxInFlight: number,
): AsyncGenerator<O> {
  const underWay: Promise<O>[] = []
  let next: Promise<IteratorResult<I>> | undefined = items.next()
  try {
    while (next || underWay.length > 0) {
      const oldest = underWay[0]
      const happened: { readonly item?: IteratorResult<I>; readonly answer?: O } = await Promise.race([
        ...(next && underWay.length < maxInFlight ? [next.then((item) => ({ item }))] : []),
        ...(oldest ? [oldest.then((answered) => ({ answer: answered }))] : []),
      ])
      if (happened.item) {
        if (!happened.item.done) underWay.push(answer(happened.item.value))
        next = happened.item.done ? undefined : items.next()
      } else {
        underWay.shift()
        yield happened.answer as O
      }
    }
  } finally {
    void items.return(undefined)
  }
}
