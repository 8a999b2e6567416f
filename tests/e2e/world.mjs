// What the tests share: the world that run.py has made, codes of an authenticator, and mail.

import { createHmac } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as rest } from "node:timers/promises";

export const world = JSON.parse(readFileSync(process.env.ROOTED_E2E, "utf8"));

const STEP_SECONDS = 30;
const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const MAIL_SECONDS_MAX = 20;
const OURS = new RegExp(`${world.url}/\\S+`);

/** Codes of one authenticator (RFC 6238), each of a later step than the one before: none counts twice. */
export class Authenticator {
  constructor(secret) {
    const bits = [...secret.replace(/\s/g, "")].map((each) => BASE32.indexOf(each).toString(2).padStart(5, "0"));
    this.key = Buffer.from(bits.join("").match(/.{8}/g).map((each) => parseInt(each, 2)));
    this.used = 0;
  }

  async code() {
    const now = () => Math.floor(Date.now() / 1000 / STEP_SECONDS);
    this.used = Math.max(this.used + 1, now() - 1);
    while (this.used > now() + 1) await rest(1000); // a code of the step after next does not count yet
    const counter = Buffer.alloc(8);
    counter.writeBigUInt64BE(BigInt(this.used));
    const digest = createHmac("sha1", this.key).update(counter).digest();
    const at = digest[19] & 15;
    return String((digest.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, "0");
  }
}

/** The first address of ours in the newest mail to somebody whose subject is this. */
export async function linkTo(recipient, subject) {
  for (let waited = 0; waited < MAIL_SECONDS_MAX; waited += 0.5) {
    for (const text of mails()) {
      if (text.includes(`To: ${recipient}`) && text.includes(`Subject: ${subject}`)) {
        return text.replace(/=\n/g, "").replaceAll("=3D", "=").match(OURS)[0];
      }
    }
    await rest(500);
  }
  throw new Error(`no mail "${subject}" to ${recipient}`);
}

function mails() {
  let names = [];
  try {
    names = readdirSync(world.mail_folder).filter((each) => each.endsWith(".eml"));
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
  }
  const read = (name) => readFileSync(join(world.mail_folder, name), "utf8").replaceAll("\r\n", "\n").replaceAll("\n ", " ");
  return names.sort().reverse().map(read);
}
