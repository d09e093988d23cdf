// The document: texts are set as text, never as markup, and unchanged parts are left alone.

const SVG = "http://www.w3.org/2000/svg";
export const byId = (id) => document.getElementById(id);

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false)
      element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

export const node = (tag, attributes = {}, ...children) => filled(document.createElement(tag), attributes, children);
export const svgNode = (tag, attributes = {}, ...children) =>
  filled(document.createElementNS(SVG, tag), attributes, children);
export const hiddenText = (text) => node("span", { class: "unseen" }, text);
export const smallLine = (text) => (text ? node("span", { class: "more" }, text) : null);

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const shown = new WeakMap();

// Tell whether the value differs from that of the last call for this element.
export function hasChanged(element, value) {
  const key = JSON.stringify(value);
  if (shown.get(element) === key) return false;
  shown.set(element, key);
  return true;
}

export function refresh(host, value, draw) {
  if (hasChanged(host, value)) host.replaceChildren(...draw(value));
}

const kept = new WeakMap();

// Keep one element per key: make new ones, fill all, remove those without an item, and keep the focus.
export function updateList(host, items, keyOf, make, fill) {
  const before = kept.get(host) || new Map();
  const focused = document.activeElement;
  const after = new Map(items.map((item) => [keyOf(item), before.get(keyOf(item)) || make(item)]));
  kept.set(host, after);
  for (const [key, element] of before) if (!after.has(key)) element.remove();
  items.forEach((item, place) => {
    const element = after.get(keyOf(item));
    if (host.children[place] !== element) host.insertBefore(element, host.children[place] || null);
    fill(element, item);
  });
  if (focused !== document.activeElement && host.contains(focused)) focused.focus({ preventScroll: true });
}
