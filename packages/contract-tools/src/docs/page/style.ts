/** Of the page alone. Tables scroll by themselves where a screen is narrow, so the page never does. */
export const STYLE = `
:root{color-scheme:light dark;--line:light-dark(#d5d9e0,#3a404b);--faint:light-dark(#5a6270,#a3acba);--back:light-dark(#f5f6f8,#1e222a)}
*{box-sizing:border-box}
body{margin:0 auto;max-width:72rem;padding:1.5rem;font:1rem/1.5 system-ui,sans-serif;background:light-dark(#fff,#14171c);color:light-dark(#1b1f26,#e4e7ec)}
h1{margin:0;font-size:1.6rem}h2{margin:2.5rem 0 .25rem;font-size:1.3rem;border-top:1px solid var(--line);padding-top:1.5rem}h3{margin:1.5rem 0 .5rem;font-size:1rem}
p{margin:.5rem 0}
a{color:light-dark(#0b5cad,#7ab7ff)}
.faint{color:var(--faint)}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.925rem}
th,td{text-align:left;vertical-align:top;padding:.4rem .75rem .4rem 0;border-bottom:1px solid var(--line)}
th{color:var(--faint);font-weight:600}
code,pre{font:.875rem/1.45 ui-monospace,monospace}
td code{white-space:nowrap}
code{overflow-wrap:anywhere}
pre{background:var(--back);padding:.75rem 1rem;overflow-x:auto;border-radius:.4rem;margin:.5rem 0}
summary{cursor:pointer;color:var(--faint)}
ul{padding-left:1.2rem;margin:.5rem 0}
`.trim()
