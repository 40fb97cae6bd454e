"""The look of the report: one style sheet, light and dark, no font or image from anywhere else."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root { color-scheme: light dark; --page: #fff; --panel: #f5f5f7; --ink: #1c1c1e; --muted: #6b6b70; --grid: #e1e1e4;
  --limit: #c8102e; --local: #1b7f5c; --split: #2457c5; --edge: #b8500f; --fallback: #8a3fb0;
  --predicted: #8d8d93; --measured: #0b7285 }
@media (prefers-color-scheme: dark) {
  :root { --page: #161618; --panel: #212124; --ink: #ececee; --muted: #a0a0a8; --grid: #37373c; --limit: #ff6b7f;
    --local: #4fc79a; --split: #7fa6ff; --edge: #f0974f; --fallback: #cf92ee;
    --predicted: #8d8d93; --measured: #45b5c9 }
}
* { box-sizing: border-box }
body { font: 15px/1.55 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; max-width: 66rem;
  margin: 2rem auto 4rem; padding: 0 1.25rem; color: var(--ink); background: var(--page); overflow-wrap: anywhere }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .4rem }
h2 { font-size: 1.25rem; line-height: 1.25; margin: 2.6rem 0 .8rem; padding-bottom: .3rem;
  border-bottom: 1px solid var(--grid) }
h3 { font-size: 1.02rem; margin: 1.5rem 0 .3rem }
p { margin: .5rem 0 } .note { color: var(--muted); font-size: .9rem }
nav a { color: var(--split); margin-right: 1.1rem; white-space: nowrap }
.verdict { border-left: .4rem solid var(--local); background: var(--panel); padding: 1.1rem 1.3rem; margin: 0 0 1rem }
.verdict.broken { border-color: var(--limit) }
.held { color: var(--local); font-weight: 600; white-space: nowrap }
.broken td:first-child, strong.broken { color: var(--limit); font-weight: 600; white-space: nowrap }
.label { color: var(--edge); font-weight: 600 }
.wide { overflow-x: auto }
table { border-collapse: collapse; width: 100%; margin: .6rem 0; font-size: .92rem }
th { color: var(--muted); font-weight: 600; font-size: .85rem }
th, td { padding: .32rem .7rem .32rem 0; border-bottom: 1px solid var(--grid); text-align: left; vertical-align: top }
th.n, td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
code, pre { font-family: ui-monospace, "DejaVu Sans Mono", Consolas, monospace; font-size: .82rem }
pre { overflow-x: auto; overflow-wrap: normal; background: var(--panel); padding: .9rem 1rem; line-height: 1.4 }
figure { margin: 1rem 0 } figcaption { color: var(--muted); font-size: .9rem }
svg { display: block; width: 100%; height: auto } svg text { font-family: inherit }
svg * { stroke-linejoin: round; stroke-linecap: butt }
@media print { body { max-width: none } figure, tr { break-inside: avoid } }
"""
