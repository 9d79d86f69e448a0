// What a page has to be at first sight: the design's page_law.py, the size of overlays, and what a person would dislike.
async () => {
  for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame); // a page may draw anew when its size changes
  const out = [], wide = innerWidth, tall = innerHeight;
  const scroll = document.documentElement.scrollWidth;
  if (scroll > wide + 1) out.push(`the page is ${scroll} px wide in ${wide}`);
  const named = (text) => JSON.stringify(text.trim().slice(0, 60));

  const cells = [...document.querySelectorAll("td, th")].filter((cell) => {
    const box = cell.getBoundingClientRect();
    if (!box.height || !cell.innerText.trim() || cell.querySelector("svg")) return false;
    const range = document.createRange();
    range.selectNodeContents(cell);
    return range.getBoundingClientRect().height > 4.2 * (parseFloat(getComputedStyle(cell).lineHeight) || 20);
  });
  if (cells.length) out.push(`${cells.length} cells are more than four lines tall: ${named(cells[0].innerText)}`);

  const shown = (drawn) => {
    const box = drawn.getBoundingClientRect();
    return box.width >= 240 && box.height >= 80 && box.top <= tall && box.left >= 0 && box.right <= wide + 1;
  };
  const marks = (drawn) => drawn.querySelectorAll("rect, path, polyline, circle").length;
  const headline = document.querySelector(".verdict");
  const wrong = headline?.innerText.includes("✗");
  if (wrong && wide > 600 && ![...document.querySelectorAll("svg")].some((drawn) => shown(drawn) && marks(drawn) >= 3))
    out.push("something is wrong, and the first screen has no chart of it");
  if (/cannot tell/.test(document.body.textContent)) out.push("it says 'cannot tell'");
  if (!headline || headline.getBoundingClientRect().top > 300) out.push("no headline on the first screen");
  else if (!/changed|alert|violat|no change|checked|moved/i.test(headline.querySelector("h1").innerText))
    out.push(`the headline says nothing: ${headline.innerText}`);
  const large = [...document.querySelectorAll(".card > svg.distribution")].map((drawn) => drawn.getBoundingClientRect());
  if (large.some((box) => box.width && (box.width < 300 || box.height < 120))) out.push("a card's overlay is below 300 × 120 px");

  // From here on with all that opens on a click
  const folded = [...document.querySelectorAll("details:not([open])")];
  for (const details of folded) details.open = true;

  // Boxes that can be moved sideways
  for (const element of document.querySelectorAll("body *")) {
    const style = getComputedStyle(element);
    if (/auto|scroll/.test(style.overflowX) && element.scrollWidth > element.clientWidth + 1)
      out.push(`${element.className} is ${element.scrollWidth} px wide in ${element.clientWidth}`);
  }

  // Texts of one drawing, or of a line above one, that lie on each other
  const boxes = (texts) => texts.map((text) => [text, text.getBoundingClientRect()]).filter(([, box]) => box.width && box.height);
  const meet = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 0.5 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 0.5;
  for (const drawn of document.querySelectorAll("svg:not(svg svg), .times, .strip")) {
    const place = drawn.getBoundingClientRect();
    const texts = boxes([...drawn.querySelectorAll("text, span, b")]);
    for (const [index, [text, box]] of texts.entries()) {
      if (box.left < place.left - 1 || box.right > Math.min(place.right, wide) + 1) out.push(`${named(text.textContent)} leaves its drawing`);
      for (const [other, of] of texts.slice(index + 1))
        if (meet(box, of)) out.push(`${named(text.textContent)} lies on ${named(other.textContent)}`);
    }
  }

  // Every text: its size as it is drawn, its font, where its words break, and whether something cuts it
  const font = getComputedStyle(document.querySelector(".mm-report")).fontFamily;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  while (walker.nextNode()) {
    const node = walker.currentNode, parent = node.parentElement;
    if (!node.data.trim() || /^(SCRIPT|STYLE|title)$/.test(parent.localName) || parent.closest("title, script, style")) continue;
    range.selectNodeContents(node);
    const box = range.getBoundingClientRect();
    if (!box.width || !box.height) continue;
    const style = getComputedStyle(parent), scale = parent.ownerSVGElement ? parent.getScreenCTM().a : 1;
    const size = parseFloat(style.fontSize) * scale;
    if (size < 10.99) out.push(`${named(node.data)} has ${size.toFixed(1)} px`);
    if (style.fontFamily !== font && !parent.closest("code, pre")) out.push(`${named(node.data)} is in ${style.fontFamily}`);
    const cut = parent.closest(".run");
    if (!cut && (box.left < -1 || box.right > wide + 1)) out.push(`${named(node.data)} is cut at the side`);
    for (const word of node.data.matchAll(/\S+/g)) {
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      if (range.getClientRects().length < 2) continue;
      let top = null;
      for (let at = word.index; at < word.index + word[0].length; at++) {
        range.setStart(node, at);
        range.setEnd(node, at + 1);
        const letter = range.getBoundingClientRect();
        if (top !== null && letter.top > top + 3 && !/[-_./]/.test(node.data[at - 1]))
          out.push(`${named(word[0])} breaks after ${named(node.data.slice(word.index, at).slice(-8))}`);
        top = letter.top;
      }
    }
  }
  for (const details of folded) details.open = false;
  return [...new Set(out)];
}
