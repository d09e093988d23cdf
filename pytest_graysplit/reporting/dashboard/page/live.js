// The connection: snapshots as they come, what happens when it breaks, and the end.

import { followAddress } from "./case.js";
import { byId, setText } from "./dom.js";
import { clock, moment } from "./numbers.js";
import { announce, showSnapshot } from "./sections.js";

const PATIENCE_MS = 1500; // a connection that is back within this was never missed
const AGAIN_MS = 3000;
let latest = null;
let receivedAt = 0;
let ended = false;
let missing = null;

function connect() {
  const events = new EventSource("events");
  events.addEventListener("open", () => missed(false));
  events.addEventListener("error", () => broken(events));
  events.addEventListener("snapshot", (event) => receive(JSON.parse(event.data)));
  events.addEventListener("end", (event) => {
    if (JSON.parse(event.data).state === "ended") events.close();
  });
}

function receive(snapshot) {
  latest = snapshot;
  receivedAt = Date.now();
  ended = snapshot.state === "ended";
  missed(false);
  showSnapshot(snapshot);
  showState();
}

// A browser gives up for good after an answer that is no stream, as from a proxy whose server is away.
function broken(events) {
  if (ended) {
    events.close();
    return;
  }
  missed(true);
  if (events.readyState !== EventSource.CLOSED) return;
  setTimeout(connect, AGAIN_MS);
}

function missed(now) {
  if (now && missing === null) missing = setTimeout(() => showState(true), PATIENCE_MS);
  if (now || missing === null) return;
  clearTimeout(missing);
  missing = null;
  showState();
}

function showState(reconnecting = false) {
  const state = ended ? "ended" : reconnecting ? "reconnecting" : latest ? "running" : "connecting";
  const words = {
    ended: "Ended",
    reconnecting: `Reconnecting${latest ? `, figures of ${moment(latest.at)}` : ""}`,
    running: "Running",
    connecting: "Connecting",
  };
  byId("state").dataset.state = state;
  setText(byId("state-text"), words[state]);
  if (state === "reconnecting") setText(byId("announcer"), "Reconnecting.");
  else if (latest) announce(latest);
}

// The server sends no snapshot for a clock that goes on.
function showElapsed() {
  if (!latest) return;
  const since = ended || missing !== null ? 0 : (Date.now() - receivedAt) / 1000;
  setText(byId("elapsed"), ended ? `took ${clock(latest.elapsed_s)}` : clock(latest.elapsed_s + since));
}

setInterval(showElapsed, 500);
connect();
followAddress();
