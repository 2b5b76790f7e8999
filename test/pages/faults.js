// What a reader could not read, reach or trust on this page, as sentences.
(() => {
  const found = [];
  const say = (what) => { if (!found.includes(what)) found.push(what); };
  const short = (s) => { s = s.trim().replace(/\s+/g, " "); return "“" + (s.length > 50 ? s.slice(0, 50) + "…" : s) + "”"; };
  const all = (selector, of = document) => [...of.querySelectorAll(selector)];
  const wide = innerWidth >= 1000;
  for (const d of all("details")) d.open = true;

  // Nothing lies beyond the window's edge, and on a wide window no table hides a column.
  if (document.documentElement.scrollWidth > innerWidth) say(`is ${document.documentElement.scrollWidth} px wide in a window of ${innerWidth}`);
  for (const s of all(".scroll")) if (wide && s.scrollWidth > s.clientWidth + 1) say(`the table ${short(s.getAttribute("aria-label"))} hides ${s.scrollWidth - s.clientWidth} px`);
  for (const e of all("body *")) {
    const style = getComputedStyle(e);
    if (style.overflowX === "hidden" && e.scrollWidth > e.clientWidth + 1) say(`cuts ${short(e.textContent)}`);
  }

  // Letters of a chart are large enough, inside the window, and on no other letters.
  for (const svg of all("svg")) {
    const texts = all("text", svg).filter((t) => t.textContent.trim()).map((t) => [t, t.getBoundingClientRect()]);
    const scale = svg.viewBox.baseVal?.width ? svg.clientWidth / svg.viewBox.baseVal.width : 1;
    for (const [t] of texts) if (parseFloat(getComputedStyle(t).fontSize) * scale < 9.5) say(`the label ${short(t.textContent)} is too small`);
    for (const [t, r] of texts) if (r.left < -1 || r.right > innerWidth + 1) say(`the label ${short(t.textContent)} leaves the window`);
    texts.forEach(([t, a], i) => texts.slice(i + 1).forEach(([u, b]) => {
      const across = Math.min(a.right, b.right) - Math.max(a.left, b.left), down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (across > 1 && down > 4) say(`the labels ${short(t.textContent)} and ${short(u.textContent)} lie on each other`);
    }));
  }

  // Text stands out from what is behind it: 4.5, or 3 where it is large (WCAG AA).
  const colour = (s) => { const n = (s.match(/[\d.]+/g) || []).map(Number); return n.length < 3 ? null : { rgb: n.slice(0, 3), alpha: n.length > 3 ? n[3] : 1 }; };
  const light = (c) => { const [r, g, b] = c.rgb.map((v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = (e) => {
    const svg = e.closest("svg"), at = e.getBoundingClientRect(), x = at.left + at.width / 2, y = at.top + at.height / 2;
    if (svg) for (const r of all("rect", svg).reverse()) {
      const b = r.getBoundingClientRect();
      if (b.left <= x && x <= b.right && b.top <= y && y <= b.bottom) return colour(getComputedStyle(r).fill);
    }
    for (let p = e; p; p = p.parentElement) { const c = colour(getComputedStyle(p).backgroundColor); if (c && c.alpha === 1) return c; }
    return { rgb: [255, 255, 255], alpha: 1 };
  };
  const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (words.nextNode()) {
    const e = words.currentNode.parentElement;
    if (!words.currentNode.data.trim() || ["TITLE", "DESC", "STYLE", "title", "desc"].includes(e.tagName) || !e.getClientRects().length) continue;
    const style = getComputedStyle(e), ink = colour(e.closest("svg") ? style.fill : style.color), ground = behind(e);
    if (!ink || !ground) continue;
    const [a, b] = [light(ink), light(ground)].sort((p, q) => q - p), ratio = (a + 0.05) / (b + 0.05);
    const size = parseFloat(style.fontSize), large = size >= 24 || size >= 18.66 && style.fontWeight >= 700;
    if (ratio < (large ? 3 : 4.5)) say(`${short(e.textContent)} has a contrast of ${ratio.toFixed(2)}`);
  }

  // The outline is whole, charts have names, ids are single, links go somewhere, parts hold something.
  let level = 0;
  for (const h of all("h1, h2, h3, h4")) { const l = +h.tagName[1]; if (l > level + 1) say(`the heading ${short(h.textContent)} skips a level`); level = l; }
  if (all("h1").length !== 1) say(`has ${all("h1").length} first headings`);
  for (const svg of all("svg")) {
    const named = svg.getAttribute("role") === "img" && svg.querySelector("title")?.textContent.trim();
    if (!named && svg.getAttribute("aria-hidden") !== "true") say(`a chart has no name: ${short(svg.parentElement.textContent)}`);
  }
  const ids = all("[id]").map((e) => e.id);
  ids.filter((id, i) => ids.indexOf(id) !== i).forEach((id) => say(`has two of id ${id}`));
  for (const a of all("a[href^='#']")) if (!document.getElementById(a.getAttribute("href").slice(1))) say(`the link ${short(a.textContent)} goes nowhere`);
  for (const s of all("section")) if (!all("p, ul, ol, dl, table, svg", s).some((e) => e.textContent.trim())) say(`the part ${short(s.textContent)} is empty`);
  for (const t of all("table")) if (!all("tbody tr", t).length) say(`the table ${short(t.textContent)} has no row`);
  for (const th of all("th:not([scope])")) say(`the head ${short(th.textContent)} has no scope`);

  // Who goes by keyboard sees where it is.
  for (const e of all("a, summary, [tabindex='0']")) {
    e.focus({ preventScroll: true });
    const style = getComputedStyle(e);
    if (document.activeElement === e && style.outlineStyle === "none") say(`focus on ${short(e.textContent)} cannot be seen`);
    if (e.tabIndex === 0 && e.matches(".scroll") && !e.getAttribute("aria-label")) say(`a table that can be scrolled has no name`);
    e.blur();
  }
  // Pictures have the first of each part's folded pieces open.
  for (const s of all("section")) all("details", s).slice(1).forEach((d) => { d.open = false; });
  scrollTo(0, 0);
  return found;
})()
