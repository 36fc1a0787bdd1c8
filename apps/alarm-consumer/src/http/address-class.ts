import { BlockList, isIPv4, isIPv6 } from 'node:net'

/** `private` may be allowed for a host by its name; `forbidden` is not a place for a webhook, whatever the configuration says. */
export type AddressClass = 'public' | 'private' | 'forbidden'

/** Networks behind a firewall: RFC 1918, shared address space, loopback, unique local. */
const PRIVATE = blockList(
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['::1', 128],
  ['fc00::', 7],
)

/** The rest of IANA's special-purpose IPv4 networks; link-local is where clouds keep their instances' credentials. */
const SPECIAL_V4 = blockList(
  ['0.0.0.0', 8],
  ['169.254.0.0', 16],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
)

/** IPv6 that is routed; all else (link-local, multicast, IPv4-mapped, NAT64, unspecified) is not. */
const ROUTED_V6 = blockList(['2000::', 3])
/** Within it, what is special: protocol assignments and Teredo, documentation, 6to4, which all may stand for others. */
const SPECIAL_V6 = blockList(['2001::', 23], ['2001:db8::', 32], ['2002::', 16], ['3fff::', 20])

/** Where an IP address leads. Text that is no address is `forbidden`. */
export function addressClass(address: string): AddressClass {
  if (isIPv4(address)) {
    if (PRIVATE.check(address)) return 'private'
    return SPECIAL_V4.check(address) ? 'forbidden' : 'public'
  }
  if (!isIPv6(address)) return 'forbidden'
  // An IPv4-mapped address would match the rules for IPv4, and it is no form that a name resolves to.
  if (!/^::ffff:/i.test(address) && PRIVATE.check(address, 'ipv6')) return 'private'
  return ROUTED_V6.check(address, 'ipv6') && !SPECIAL_V6.check(address, 'ipv6') ? 'public' : 'forbidden'
}

function blockList(...subnets: readonly (readonly [network: string, prefix: number])[]): BlockList {
  const list = new BlockList()
  for (const [network, prefix] of subnets) list.addSubnet(network, prefix, network.includes(':') ? 'ipv6' : 'ipv4')
  return list
}
