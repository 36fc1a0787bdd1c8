import { expect, test } from 'vitest'
import { addressClass } from './address-class.ts'

test.each([
  ['public', ['1.1.1.1', '93.184.216.34', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '2a00:1450::1']],
  ['private', ['10.1.2.3', '172.16.0.1', '192.168.1.1', '100.64.0.1', '127.0.0.1', '127.9.9.9', '::1', 'fd00::1']],
  ['forbidden', ['169.254.169.254', '0.0.0.0', '224.0.0.1', '255.255.255.255', '192.0.2.1', '198.18.0.1']],
  ['forbidden', ['fe80::1', 'ff02::1', '::', '64:ff9b::7f00:1', '2002:7f00:1::', '2001:db8::1', '2001:0:1::']],
  // Mapped addresses, whatever they stand for: no webhook's name resolves to one.
  ['forbidden', ['::ffff:127.0.0.1', '::ffff:10.0.0.1', '::ffff:a9fe:a9fe', '::FFFF:1.1.1.1', '::127.0.0.1']],
  ['forbidden', ['', 'localhost', '127.1', '1.1.1.1.1', '0x7f000001', '::g']],
])('%s: %s', (expected, addresses) => {
  for (const address of addresses) expect(addressClass(address), address).toBe(expected)
})
