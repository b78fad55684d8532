"""How a card looks: light or dark as the reader's system is, on a phone and on a wide screen."""

STYLE = """
:root { --ink: #1c2024; --faint: #5b6570; --paper: #ffffff; --soft: #f3f5f7; --line: #d5dbe1;
  --right: #1f7a4d; --wrong: #c2410c; --bar: #3b6fd4; --warning: #fff3cd; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ebee; --faint: #a2adb8; --paper: #14171a; --soft: #1f2429;
  --line: #39424b; --right: #3fbf83; --wrong: #f97316; --bar: #7aa2f7; --warning: #4a3b00; } }
* { box-sizing: border-box; }
body { margin: 0; font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; color: var(--ink);
  background: var(--paper); overflow-wrap: anywhere; }
main, footer { max-width: 66rem; margin: 0 auto; padding: 0 1rem; }
footer { padding: 1.5rem 1rem 2.5rem; color: var(--faint); font-size: .875rem; }
header { padding: 2rem 0 .5rem; }
h1 { margin: 0; font-size: 2rem; line-height: 1.2; }
h2 { margin: 2.5rem 0 .75rem; padding-top: 1rem; border-top: 1px solid var(--line); font-size: 1.35rem; }
h3 { margin: 1.25rem 0 .4rem; font-size: 1rem; }
p { max-width: 44rem; margin: .6rem 0; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(15rem, 100%), 1fr));
  gap: .6rem 1.5rem; margin: 1rem 0; }
dt { color: var(--faint); font-size: .875rem; }
dd { margin: 0; }
header dl { grid-template-columns: repeat(auto-fill, minmax(min(10rem, 45%), 1fr)); }
header dd { font-size: 1.15rem; font-variant-numeric: tabular-nums; }
code, pre { font: .875em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
pre { margin: 0; padding: .75rem 1rem; background: var(--soft); border-radius: .4rem; overflow-x: auto;
  overflow-wrap: normal; }
.labels { display: flex; flex-wrap: wrap; gap: .35rem .5rem; margin: .5rem 0; padding: 0; list-style: none; }
.labels li { padding: .1rem .6rem; background: var(--soft); border-radius: 1rem; }
.labels.numbered { display: block; columns: 13rem; list-style: decimal; padding-left: 3rem; }
.labels.numbered li { padding: 0; background: none; }
.stages { display: flex; flex-wrap: wrap; gap: 1.25rem; margin: 1rem 0; padding: 0; list-style: none;
  align-items: flex-start; }
.stages li { width: 12.5rem; max-width: 100%; }
figure { margin: 0; }
figure img { display: block; max-width: 100%; height: auto; margin-bottom: .5rem; background: var(--soft);
  outline: 1px solid var(--line); }
img.pixels { image-rendering: pixelated; }
figcaption span { display: block; color: var(--faint); font-size: .875rem; }
.wide { max-width: 100%; overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
caption { padding-bottom: .4rem; text-align: left; color: var(--faint); font-size: .875rem; }
th, td { padding: .25rem .75rem; border-bottom: 1px solid var(--line); text-align: right; font-weight: normal; }
thead th { color: var(--faint); font-size: .875rem; vertical-align: bottom; }
th:first-child { padding-left: .25rem; text-align: left; min-width: 5rem; max-width: 16rem; overflow-wrap: anywhere; }
.words th:nth-child(2), .words td:nth-child(2) { text-align: left; }
.matrix th[scope="row"], .matrix th:first-child { position: sticky; left: 0; background: var(--paper); }
.matrix bdi { display: inline-block; max-width: 9rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap;
  vertical-align: bottom; }
.matrix.turned thead bdi { writing-mode: vertical-rl; transform: rotate(180deg); max-width: none; max-height: 9rem; }
.matrix td { min-width: 2.6rem; border: 1px solid var(--line); padding: .25rem .5rem; text-align: center; }
.matrix thead th { text-align: center; white-space: nowrap; }
.matrix td.none { color: var(--faint); }
.matrix td.right { background: color-mix(in srgb, var(--right) calc(var(--share) * 45%), transparent); }
.matrix td.wrong { background: color-mix(in srgb, var(--wrong) calc(15% + var(--share) * 45%), transparent); }
td.bar { min-width: 12rem; background: linear-gradient(color-mix(in srgb, var(--bar) 40%, transparent) 0 0)
  0 / calc(var(--share) * 100%) 100% no-repeat; }
.side { display: flex; flex-wrap: wrap; gap: 0 3rem; align-items: flex-start; }
.warning { padding: .5rem 1rem; background: var(--warning); border-radius: .4rem; }
summary { cursor: pointer; padding: .4rem 0; }
:focus-visible { outline: 2px solid var(--bar); outline-offset: 2px; }
@media print { details > * { display: block; } }
"""
