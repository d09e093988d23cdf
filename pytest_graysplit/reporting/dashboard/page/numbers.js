// The numbers that only the page formats: labels of axes, and times. All others arrive as texts.

export function writeCount(number) {
  for (const [limit, scale, unit] of [
    [999950000, 1e9, "G"],
    [999950, 1e6, "M"],
    [1000, 1e3, "k"],
  ]) {
    if (number >= limit) return `${(number / scale).toFixed(1)}${unit}`;
  }
  return String(number);
}

export const writeWhole = (number) => number.toLocaleString("en-US");

export const writeShare = (value) => `${Number((100 * value).toPrecision(2))}%`;

export function writeSeconds(value) {
  return value < 1 ? `${Number((1000 * value).toPrecision(3))} ms` : `${Number(value.toPrecision(3))} s`;
}

// An elapsed time: 1:23, 1:02:03.
export function writeClock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

// A moment in the reader's time zone.
export function writeMoment(moment) {
  return new Date(moment).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}
