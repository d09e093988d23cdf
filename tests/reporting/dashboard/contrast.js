// Every shown text, with its contrast against its background; WCAG 2, relative luminance.
() => {
  const parsed = (text) => text.match(/[\d.]+/g).map(Number);
  const light = (channel) =>
    channel / 255 <= 0.04045 ? channel / 255 / 12.92 : ((channel / 255 + 0.055) / 1.055) ** 2.4;
  const luminance = ([red, green, blue]) => 0.2126 * light(red) + 0.7152 * light(green) + 0.0722 * light(blue);
  const ground = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const colour = parsed(getComputedStyle(each).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (
      !texts.currentNode.textContent.trim() ||
      !element.checkVisibility() ||
      element.closest(".unseen, script, style")
    )
      continue;
    const style = getComputedStyle(element);
    const [one, other] = [
      luminance(parsed(element.closest("svg") ? style.fill : style.color)),
      luminance(ground(element)),
    ];
    const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    found.push([Math.round(100 * contrast) / 100, texts.currentNode.textContent.trim().slice(0, 40)]);
  }
  return found;
};
