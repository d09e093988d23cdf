// The connection: it receives snapshots, reconnects when it breaks, and ends with the run.

import { followAddress } from "./case.js";
import { byId, setText } from "./dom.js";
import { writeClock, writeMoment } from "./numbers.js";
import { announce, showSnapshot } from "./sections.js";

const SHOW_AFTER_MS = 1500; // shorter interruptions are not shown
const RECONNECT_MS = 3000;
let latest = null;
let receivedAt = 0;
let ended = false;
let interruption = null;

function connect() {
  const events = new EventSource("events");
  events.addEventListener("open", () => setInterrupted(false));
  events.addEventListener("error", () => handleError(events));
  events.addEventListener("snapshot", (event) => receive(JSON.parse(event.data)));
  events.addEventListener("end", (event) => {
    if (JSON.parse(event.data).state === "ended") events.close();
  });
}

function receive(snapshot) {
  latest = snapshot;
  receivedAt = Date.now();
  ended = snapshot.state === "ended";
  setInterrupted(false);
  showSnapshot(snapshot);
  showState();
}

// A browser stops trying after an answer that is not a stream, such as the error page of a proxy.
function handleError(events) {
  if (ended) {
    events.close();
    return;
  }
  setInterrupted(true);
  if (events.readyState !== EventSource.CLOSED) return;
  setTimeout(connect, RECONNECT_MS);
}

function setInterrupted(now) {
  if (now && interruption === null) interruption = setTimeout(() => showState(true), SHOW_AFTER_MS);
  if (now || interruption === null) return;
  clearTimeout(interruption);
  interruption = null;
  showState();
}

function showState(reconnecting = false) {
  const state = ended ? "ended" : reconnecting ? "reconnecting" : latest ? "running" : "connecting";
  const words = {
    ended: "Ended",
    reconnecting: `Reconnecting${latest ? `, figures of ${writeMoment(latest.at)}` : ""}`,
    running: "Running",
    connecting: "Connecting",
  };
  byId("state").dataset.state = state;
  setText(byId("state-text"), words[state]);
  if (state === "reconnecting") setText(byId("announcer"), "Reconnecting.");
  else if (latest) announce(latest);
}

// The server sends no snapshot when only the time has changed.
function showElapsed() {
  if (!latest) return;
  const since = ended || interruption !== null ? 0 : (Date.now() - receivedAt) / 1000;
  setText(byId("elapsed"), ended ? `took ${writeClock(latest.elapsed_s)}` : writeClock(latest.elapsed_s + since));
}

setInterval(showElapsed, 500);
connect();
followAddress();
