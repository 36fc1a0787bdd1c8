const { join } = require('node:path')

// @turbo/gen bundles this file before it loads it. What it would bundle of the workspace are the built packages, which may
// be missing or old, so the generators are imported by a path that it cannot follow: Node runs their source as it is.
module.exports = async function register(plop) {
  const { generators } = await import(join(__dirname, '../../packages/generators/src/generators.ts'))
  generators(plop)
}
