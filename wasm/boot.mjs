// Start Pyodide with abi in it, under Node.
//
//   node boot.mjs --wheel numpy.whl --wheel abi.whl --mount FOLDER script.py
//
// Wheels are unpacked, FOLDER appears as /mnt, and the script's last value, a string, is
// printed. Used by the tests; a page loads its packages from a lock file instead.

import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { loadPyodide } from "pyodide";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    wheel: { type: "string", multiple: true, default: [] },
    mount: { type: "string" },
  },
});

const pyodide = await loadPyodide();
for (const path of values.wheel) {
  pyodide.unpackArchive(new Uint8Array(await readFile(path)), "wheel");
}
if (values.mount) {
  pyodide.FS.mkdirTree("/mnt");
  pyodide.FS.mount(pyodide.FS.filesystems.NODEFS, { root: values.mount }, "/mnt");
}
for (const path of positionals) {
  const result = pyodide.runPython(await readFile(path, "utf8"));
  if (result !== undefined) console.log(String(result));
}
