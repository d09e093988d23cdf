// Numbers for people, as in the terminal: none of them lies by rounding, and what is unknown says so.

export const NONE = "-";

export function money(amount) {
  if (amount === null || amount === undefined) return "unknown";
  const size = Math.abs(amount);
  const sign = amount < 0 ? "-" : "";
  if (size > 0 && size < 0.0001) return `${sign}<$0.0001`;
  const digits = size >= 1 ? 2 : 4;
  return `${sign}$${size.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits })}`;
}

export function share(value) {
  const text = (100 * value).toFixed(1);
  if (text === "0.0" && value > 0) return "<0.1";
  return text === "100.0" && value < 1 ? ">99.9" : text;
}

function points(value) {
  const rounded = Math.round(1000 * value) / 10;
  if (rounded === 0 && value !== 0) return value < 0 ? ">-0.1" : "<+0.1";
  if (rounded === 0) return "0.0";
  return `${rounded > 0 ? "+" : ""}${rounded.toFixed(1)}`;
}

export function seconds(duration) {
  if (duration === null || duration === undefined) return NONE;
  if (duration < 0.0995) return duration >= 0.001 ? `${(1000 * duration).toFixed(0)} ms` : "<1 ms";
  if (duration < 9.995) return `${duration.toFixed(2)} s`;
  return duration < 99.95 ? `${duration.toFixed(1)} s` : `${duration.toFixed(0)} s`;
}

export function clock(duration) {
  const whole = Math.max(0, Math.floor(duration));
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

export function count(number) {
  for (const [limit, scale, unit] of [
    [999950000, 1e9, "G"],
    [999950, 1e6, "M"],
    [1000, 1e3, "k"],
  ]) {
    if (number >= limit) return `${(number / scale).toFixed(1)}${unit}`;
  }
  return String(number);
}

export function whole(number) {
  return number.toLocaleString("en-US");
}

export function ratio(value) {
  if (value > 0 && value < 0.0005) return "<x0.001";
  if (value > 0 && value < 0.0995) return `x${value.toPrecision(2)}`;
  return `x${value < 9.995 ? value.toFixed(2) : value.toFixed(1)}`;
}

// As many decimals as it takes to be where it is: at 0, 1 and a threshold, or not.
export function score(value, against = null, least = 2) {
  const marks = against === null ? [0, 1] : [0, 1, against];
  for (let digits = least; digits <= 16; digits += 1) {
    const shown = Number(value.toFixed(digits));
    if (marks.every((mark) => shown < mark === value < mark && shown > mark === value > mark))
      return value.toFixed(digits);
  }
  return String(value);
}

export function plural(number, noun) {
  return `${whole(number)} ${number === 1 ? noun : `${noun}s`}`;
}

export function moment(iso) {
  return new Date(iso).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

// One value of a row, written in the unit of that row.
export function measure(value, unit, bound = null) {
  if (value === null) return "";
  const writers = { points: (x) => points(x), ratio: (x) => ratio(x), usd: (x) => money(x), share: (x) => share(x) };
  return (writers[unit] || ((x) => score(x, bound, 3)))(value);
}

// A bound is written with every digit it was given, so that no value beside it seems to reach it.
export function limit(bound, unit) {
  return bound === null || unit in SUFFIX || unit === "usd"
    ? measure(bound, unit)
    : `${unit === "ratio" ? "x" : ""}${bound}`;
}

export const SUFFIX = { points: " pp", share: "%" };
