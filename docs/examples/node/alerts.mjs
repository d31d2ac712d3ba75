// Prints every possible match, one JSON line each, and where to resume after a cut.
//
//   npm install
//   node alerts.mjs /run/lfr-engine/api.sock [--cursor 0] [--count 10] [--role operator]

import { parseArgs } from "node:util";
import { connect } from "./client.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    cursor: { type: "string" },
    count: { type: "string", default: "Infinity" },
    role: { type: "string", default: "integrator" },
  },
});

let engine;
try {
  engine = await connect({ path: positionals[0], role: values.role });
  const state = await engine.call("state.get");
  console.error(`engine ${state.version}, mode ${state.mode}, as ${engine.welcome.role}`);
  const cursor = values.cursor === undefined ? undefined : Number(values.cursor);
  let left = Number(values.count);
  for await (const item of engine.subscribe("alerts", { cursor, window: 16 })) {
    if ("body" in item) {
      const { reference, camera, captured, late } = item.body;
      console.log(JSON.stringify({ cursor: item.cursor, reference, camera, captured, late: late ?? false }));
      if (--left <= 0) break;
    } else {
      console.error(JSON.stringify(item));
    }
  }
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  engine?.close();
}
