// The document: texts are only ever texts, and what did not change is left alone.

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
export const drawn = (tag, attributes = {}, ...children) => filled(document.createElementNS(SVG, tag), attributes, children);
export const unseen = (text) => node("span", { class: "unseen" }, text);
export const more = (text) => (text ? node("span", { class: "more" }, text) : null);

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const shown = new WeakMap();

// Tell whether the value is another than at the last call for this element.
export function changed(element, value) {
  const key = JSON.stringify(value);
  if (shown.get(element) === key) return false;
  shown.set(element, key);
  return true;
}

export function refresh(host, value, draw) {
  if (changed(host, value)) host.replaceChildren(...draw(value));
}

const kept = new WeakMap();

// Keep one element a key: new ones are made, all are filled, those without an item go, and the focus stays.
export function keyed(host, items, keyOf, make, fill) {
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
