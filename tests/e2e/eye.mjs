// What looks at pages: takes pictures, and checks what can be checked without taste.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { world } from "./world.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const TOUCH_PIXELS_MIN = 44;
const HEIGHT = 800;

export function launch() {
  return chromium.launch({ executablePath: world.browser, args: ["--no-sandbox"] });
}

/** A page as wide and as bright as the variant says, and what it complains of. */
export async function opened(browser, variant, options = {}) {
  const [width, colorScheme] = variant.split("-");
  const context = await browser.newContext({
    viewport: { width: Number(width), height: HEIGHT },
    colorScheme,
    reducedMotion: "reduce",
    ...options,
  });
  const page = await context.newPage();
  const complaints = [];
  page.on("console", (message) => {
    // a page that refuses something is meant to; the browser only reports its status
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) {
      complaints.push(message.text());
    }
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  return { context, page, complaints };
}

export class Eye {
  constructor(page, variant, about = "") {
    this.page = page;
    this.variant = variant;
    this.about = about;
    this.seen = 0;
  }

  async look(name, title, language = "en") {
    const { page } = this;
    await page.waitForLoadState("load");
    const number = String(++this.seen).padStart(2, "0");
    const file = `${this.variant}-${this.about}${number}-${name}.png`;
    await page.screenshot({ path: join(world.shots_folder, file), fullPage: true });
    assert.equal(await page.title(), `${title} – Rooted`, name);
    assert.equal(await page.evaluate(() => document.documentElement.lang), language, name);
    assert.deepEqual(await this.violations(), [], name);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), `${name} is too wide`);
    assert.deepEqual(await page.evaluate(tooSmall, TOUCH_PIXELS_MIN), [], name);
    assert.deepEqual(await page.evaluate(() => [...document.scripts].length), 0, name);
  }

  async violations() {
    await this.page.evaluate(AXE);
    const found = await this.page.evaluate(() => globalThis.axe.run());
    return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" | ")}`);
  }
}

/** What can be pressed and is lower than a finger; links within a sentence may be, and a choice is its label too. */
function tooSmall(pixels) {
  const pressed = [...document.querySelectorAll("button, input:not([type=hidden]), textarea, summary, a.way, a.brand")];
  return pressed
    .filter((each) => (each.closest("label") ?? each).getBoundingClientRect().height < pixels)
    .map((each) => each.outerHTML);
}
