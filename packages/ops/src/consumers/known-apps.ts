/** The apps of this repository; a consumer of any other app's is nobody's. A test holds the list to the folder `apps`. */
export const KNOWN_APPS: readonly string[] = ['alarm-consumer', 'log-consumer', 'producer']
