// What is wrong with a page as it lies there now, at this width: [{kind, where, text}, ...].
// Nothing of the page is changed but how far it is scrolled, and that is put back.
() => {
  const FEWEST = 8; // characters that a line must have room for
  const LONGEST = 24; // letters of a word that must not be broken in two
  const LOOSE = 1.5; // pixels: half ones, and borders drawn between two
  const CONTROLS =
    "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]:not([tabindex='-1'])";
  // Deliberate: on a phone the settings' tabs are one row, and scroll within it.
  const MAY_SCROLL = ".settings-nav ul";

  const root = document.documentElement;
  const width = root.clientWidth, height = window.innerHeight;
  const faults = [];

  function found(kind, element, words) {
    const text = words.replace(/\s+/g, " ").trim();
    const short = text.length > 60 ? text.slice(0, 60) + "…" : text;
    faults.push({ kind, where: path(element), text: short });
  }

  function path(element) {
    const steps = [];
    for (let at = element; at && at !== document.body && steps.length < 3; at = at.parentElement) {
      const classes = [...at.classList].map((name) => "." + name).join("");
      steps.unshift(at.localName + (at.id ? "#" + at.id : classes));
    }
    return steps.join(" > ");
  }

  // -- what can be seen ------------------------------------------------------------------------

  const styles = new Map();
  function style(element) {
    if (!styles.has(element)) styles.set(element, getComputedStyle(element));
    return styles.get(element);
  }

  function shown(element) {
    return element.checkVisibility({
      visibilityProperty: true, opacityProperty: true, contentVisibilityAuto: true,
    });
  }

  // Words for screen readers alone, and the link that shows itself when it is tabbed to.
  function unseen(element) {
    for (let at = element; at; at = at.parentElement) {
      if (style(at).clipPath === "inset(50%)" && at.offsetWidth <= 1) return true;
    }
    return false;
  }

  const frames = new Map();
  function frame(element) {
    if (!frames.has(element)) frames.set(element, framed(element));
    return frames.get(element);
  }

  // Where an element may be seen: `cutBy` hides what is left or right of it. What lies in a part
  // that scrolls can be brought into sight, so nothing hides it.
  function framed(element) {
    const seen = {
      left: 0, right: width, top: -Infinity, bottom: Infinity, cutBy: null, scroller: null,
    };
    for (let at = element; at && at !== document.body; at = at.parentElement) {
      const { overflowX, overflowY } = style(at);
      if (/auto|scroll/.test(overflowX + overflowY)) {
        return { ...seen, left: -Infinity, right: Infinity, scroller: at };
      }
      const box = at.getBoundingClientRect();
      if (/hidden|clip/.test(overflowX)) {
        if (box.left > seen.left || box.right < seen.right) seen.cutBy = at;
        seen.left = Math.max(seen.left, box.left);
        seen.right = Math.min(seen.right, box.right);
      }
      if (/hidden|clip/.test(overflowY)) {
        seen.top = Math.max(seen.top, box.top + window.scrollY);
        seen.bottom = Math.min(seen.bottom, box.bottom + window.scrollY);
      }
    }
    return seen;
  }

  // -- text ------------------------------------------------------------------------------------

  // Every word that can be seen, and every part of one that is broken over several lines.
  function pieces() {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const skipped = "script, style, noscript, select, textarea, progress";
    const out = [];
    while (walker.nextNode()) {
      const node = walker.currentNode, element = node.parentElement;
      if (!node.data.trim() || element.closest(skipped)) continue;
      if (!shown(element) || unseen(element)) continue;
      for (const { 0: word, index } of node.data.matchAll(/\S+/g)) {
        out.push(...parts({ node, element, word, start: index, end: index + word.length }));
      }
    }
    return out;
  }

  function parts(piece) {
    const range = document.createRange();
    const rects = (start, end) => {
      range.setStart(piece.node, start);
      range.setEnd(piece.node, end);
      return range.getClientRects();
    };
    const whole = rects(piece.start, piece.end);
    if (whole.length <= 1) return whole.length ? [{ ...piece, rect: whole[0] }] : [];
    const out = [];
    for (let at = piece.start; at < piece.end; at += 1) {
      const [rect] = rects(at, at + 1), last = out[out.length - 1];
      if (!rect) continue;
      if (last && Math.abs(rect.top - last.rect.top) < 2) last.end = at + 1;
      else out.push({ ...piece, start: at, end: at + 1, rect });
    }
    return out.map((one) => ({
      ...one, rect: rects(one.start, one.end)[0], broken: out.length > 1,
    }));
  }

  function blockOf(element) {
    let at = element;
    while (["inline", "contents"].includes(style(at).display) && at.parentElement) {
      at = at.parentElement;
    }
    return at;
  }

  // How many characters there are on each line of each block.
  function linesOf(all) {
    const blocks = new Map();
    for (const { element, start, end, rect } of all) {
      const block = blockOf(element);
      if (!blocks.has(block)) blocks.set(block, []);
      const lines = blocks.get(block), last = lines[lines.length - 1];
      if (last && rect.top < last.bottom - 2 && rect.bottom > last.top + 2) {
        last.chars += 1 + end - start;
        last.top = Math.min(last.top, rect.top);
        last.bottom = Math.max(last.bottom, rect.bottom);
      } else {
        lines.push({ chars: end - start, top: rect.top, bottom: rect.bottom });
      }
    }
    return blocks;
  }

  function squeezed(all) {
    for (const [block, lines] of linesOf(all)) {
      const longest = Math.max(...lines.map((line) => line.chars));
      if (lines.length > 1 && longest < FEWEST) {
        found("squeezed", block, `${lines.length} lines of at most ${longest}: ${block.textContent}`);
      }
    }
    // Ids and addresses may be broken anywhere, and what is hyphenated shows that it goes on.
    const named = new Set();
    for (const { element, word, broken } of all) {
      const letters = word.replace(/^\P{L}+|\P{L}+$/gu, "");
      const language = /^\p{Script=Latin}+$/u.test(letters) && letters.length <= LONGEST;
      if (!broken || !language || style(element).hyphens === "auto" || named.has(element)) continue;
      named.add(element);
      found("squeezed", element, `a word is broken: ${letters}`);
    }
  }

  function cut(all) {
    const named = new Set();
    for (const { element, node, start, end, rect } of all) {
      const { left, right, top, bottom, cutBy } = frame(element);
      const slack = rect.height / 4; // a line is higher than its letters
      const inside =
        rect.left >= left - LOOSE && rect.right <= right + LOOSE &&
        rect.top + window.scrollY >= top - slack && rect.bottom + window.scrollY <= bottom + slack;
      if (inside || named.has(element) || (cutBy && told(cutBy))) continue;
      named.add(element);
      found("cut", element, `${node.data.slice(start, end)} of: ${element.textContent}`);
    }
    for (const element of document.body.querySelectorAll("*")) {
      if (style(element).textOverflow !== "ellipsis" || !shown(element) || told(element)) continue;
      if (element.scrollWidth > element.clientWidth + LOOSE) {
        found("cut", element, element.textContent);
      }
    }
  }

  // Cut off with an ellipsis, and the whole of it in the title.
  function told(element) {
    const title = element.closest("[title]")?.title ?? "";
    return style(element).textOverflow === "ellipsis" && title.includes(element.textContent.trim());
  }

  // What stands in a field before anybody types. What is typed may be longer: it scrolls.
  function cutInFields() {
    const canvas = document.createElement("canvas").getContext("2d");
    for (const field of document.querySelectorAll("select, input[placeholder]")) {
      if (!shown(field)) continue;
      const select = field.localName === "select", look = style(field);
      const placeholder = field.value ? "" : field.placeholder;
      const text = select ? field.selectedOptions[0]?.text ?? "" : placeholder;
      const arrow = select ? parseFloat(look.fontSize) : 0;
      const padding = parseFloat(look.paddingLeft) + parseFloat(look.paddingRight);
      canvas.font = `${look.fontStyle} ${look.fontWeight} ${look.fontSize} ${look.fontFamily}`;
      const room = field.clientWidth - padding - arrow;
      if (canvas.measureText(text).width > room + LOOSE) found("cut", field, text);
    }
  }

  // -- controls --------------------------------------------------------------------------------

  function offScreen(controls) {
    for (const control of controls) {
      const [rect] = control.getClientRects(), seen = frame(control);
      if (!rect || rect.width < 1 || rect.height < 1) {
        found("off screen", control, `without a size: ${nameOf(control)}`);
        continue;
      }
      const top = rect.top + window.scrollY, bottom = rect.bottom + window.scrollY;
      const beside = rect.left < seen.left - LOOSE || rect.right > seen.right + LOOSE;
      const above = bottom <= 0 || bottom < seen.top, below = top > seen.bottom;
      if (beside || above || below) found("off screen", control, nameOf(control));
    }
  }

  function nameOf(control) {
    const text = control.textContent.trim() || control.getAttribute("aria-label");
    return text || control.name || control.localName;
  }

  // -- what lies on top of it --------------------------------------------------------------------

  function covered(all, controls) {
    for (const place of [...textPlaces(all), ...controlPlaces(controls)].sort((a, b) => a.top - b.top)) {
      const on = onTop(place);
      if (!on || place.element.contains(on)) continue;
      if (place.element === on.closest("label")?.control) continue;
      found("covered", place.element, `${place.text} (by ${path(on)})`);
    }
    window.scrollTo(0, 0);
  }

  // The words of one text on one line are one place.
  function textPlaces(all) {
    const spots = [];
    for (const piece of all) {
      const last = spots[spots.length - 1];
      const goesOn = last && last.node === piece.node && Math.abs(last.top - piece.rect.top) < 2;
      if (goesOn) last.end = piece.end;
      else spots.push({ ...piece, top: piece.rect.top });
    }
    return spots.map(({ node, element, start, end, top }) => {
      const range = document.createRange();
      range.setStart(node, start);
      range.setEnd(node, end);
      const box = () => range.getBoundingClientRect();
      return { element, text: node.data.slice(start, end), top, box };
    });
  }

  function controlPlaces(controls) {
    return controls.map((control) => {
      const box = () => control.getClientRects()[0];
      return { element: control, text: nameOf(control), top: box()?.top ?? 0, box };
    });
  }

  // What is met at the middle of it once it is scrolled to; null where that is out of sight, which
  // is a fault of another kind.
  function onTop({ element, box }) {
    let rect = box();
    if (!rect || !rect.width || style(element).pointerEvents === "none") return null;
    const middle = () => (rect.top + rect.bottom) / 2;
    if (middle() < 0 || middle() >= height) {
      window.scrollBy(0, middle() - height / 2);
      rect = box();
    }
    const { left, right, scroller } = frame(element);
    const x = (Math.max(rect.left, left) + Math.min(rect.right, right)) / 2; // of what is not cut
    if (x < 0 || x >= width || (scroller && scrolledOut(scroller, x, middle()))) return null;
    return document.elementFromPoint(x, middle());
  }

  function scrolledOut(scroller, x, y) {
    const { left, right, top, bottom } = scroller.getBoundingClientRect();
    return x < left || x >= right || y < top || y >= bottom;
  }

  // -- the page ----------------------------------------------------------------------------------

  function sideways() {
    const every = [...document.body.querySelectorAll("*")].filter(shown);
    if (root.scrollWidth > width) {
      const wide = every.filter((one) => one.getBoundingClientRect().right > width + LOOSE);
      found("sideways", wide[0] ?? root, `${root.scrollWidth} pixels wide`);
    }
    for (const element of every) {
      const scrolls = /auto|scroll/.test(style(element).overflowX);
      if (!scrolls || element.matches(`${MAY_SCROLL}, textarea, input, select`)) continue;
      if (element.scrollWidth > element.clientWidth + LOOSE) {
        found("sideways", element, element.textContent);
      }
    }
  }

  window.scrollTo(0, 0);
  const all = pieces();
  const controls = [...document.querySelectorAll(CONTROLS)].filter(
    (one) => shown(one) && !unseen(one),
  );
  sideways();
  squeezed(all);
  cut(all);
  cutInFields();
  offScreen(controls);
  covered(all, controls);
  return faults;
}
