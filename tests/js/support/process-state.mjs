// What a process holds, as the system tells it.

import { readFile, readdir } from "node:fs/promises";

/** Resident memory in MiB, threads and open files of a process. */
export async function processState(pid) {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  const number = (name) => Number(status.match(new RegExp(`^${name}:\\s+(\\d+)`, "m"))[1]);
  const files = await readdir(`/proc/${pid}/fd`);
  return { memory: number("VmRSS") / 1024, threads: number("Threads"), files: files.length };
}

/** The processor time that a process has used, in seconds. */
export async function processorTime(pid) {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  // The name before it may contain anything, blanks included. The unit has been 10 ms on every Linux.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
