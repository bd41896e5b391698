// Loaded into Azurite before its own code. Every ten minutes it sweeps up what no blob needs any more,
// and answers nobody meanwhile: with 14,000 blobs it was silent for longer than a minute, which no
// storage that a test is about would be.
const path = require("node:path");

const constants = require(path.join(path.dirname(process.argv[1]), "utils", "constants.js"));
if (!constants.DEFAULT_GC_INTERVAL_MS) {
  throw new Error("This Azurite calls the time between its sweeps something else.");
}
// The longest time that Node's timers know: 24 days.
constants.DEFAULT_GC_INTERVAL_MS = 2 ** 31 - 1;
