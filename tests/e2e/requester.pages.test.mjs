// The pages by which requesters know and answer, without a log-in: from the mail on, by the keyboard alone.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Eye, launch, opened } from "./eye.mjs";
import { linkTo, world } from "./world.mjs";

const TABS_MAX = 30;
const REASON = "Freitags nach 16 Uhr ist niemand da";
const TITLE = "Neustart des Kassen-Gateways";
const WHEN = /(Montag|Dienstag|Mittwoch|Donnerstag|Freitag|Samstag|Sonntag), \d+\. \S+ \d{4}, \d\d:\d\d MES?Z/;
const QUAND = /(lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche) \d+ \S+ \d{4}, \d\d:\d\d UTC\+0[12]:00/;

let browser;

before(async () => {
  browser = await launch();
});

after(() => browser.close());

for (const [variant, requester] of Object.entries(world.requesters)) {
  describe(`the pages of a requester at ${variant}`, () => {
    test("say what is offered and why, and take its acceptance once", () => visit(variant, "accept-", accept, requester));
    test("take an objection with its reason", () => visit(variant, "object-", object, requester));
    test("say where to object to what was declined, and take it", () => visit(variant, "declined-", oppose, requester));
    test("say what is offered instead of a promise, and take one answer", () => visit(variant, "promise-", renegotiate, requester));
    test("say of what opens nothing what to do", () => visit(variant, "nothing-", openNothing, requester));
  });
}

async function visit(variant, about, walk, requester) {
  const { context, page, complaints } = await opened(browser, variant, { locale: "es-ES" });
  await walk(page, new Eye(page, variant, about), requester);
  assert.deepEqual(complaints, []);
  await context.close();
}

async function accept(page, eye, requester) {
  const link = await linkTo(requester.accepts, "Bitte antworten Sie bis");
  await page.goto(link);
  await eye.look("offered", TITLE, "de");
  const said = await page.textContent("main");
  for (const part of [REASON, "Hafenbetriebe", "Nur das Gateway, ohne seine Datenbank.", "P3"]) {
    assert.ok(said.includes(part), part);
  }
  assert.match(await page.textContent("main h2 + p"), new RegExp(`Bitte antworten Sie bis ${WHEN.source}\\.`));
  await page.reload();
  assert.equal(await page.textContent("main"), said, "to look at it changes nothing");

  await press(page, "button");
  await eye.look("nothing-chosen", `Fehler: ${TITLE}`, "de");
  await reach(page, ".summary a");
  await page.keyboard.press("Enter");
  assert.equal(new URL(page.url()).hash, "#reply");
  await reach(page, "#reply");
  await page.keyboard.press("Space");
  await press(page, "button");
  await eye.look("accepted", TITLE, "de");
  assert.match(await page.textContent("main"), /Vielen Dank[^]*Ihre Antwort ist eingegangen/);

  await page.goto(link);
  await eye.look("used", TITLE, "de");
  assert.equal(await page.locator("form").count(), 0);
  assert.match(await page.textContent("main"), /Was angeboten wurde, ist vereinbart/);
}

async function object(page, eye, requester) {
  const link = await linkTo(requester.objects, "Bitte antworten Sie bis");
  await page.goto(link);
  await reach(page, "#reply");
  await page.keyboard.press("ArrowDown");
  assert.equal(await page.locator("input[value=object]").isChecked(), true);
  await press(page, "button");
  await eye.look("no-reason", `Fehler: ${TITLE}`, "de");
  await reach(page, ".summary a");
  await page.keyboard.press("Enter");
  await reach(page, "#why");
  await page.keyboard.type("Am Wochenende ist Messe; wir brauchen es vorher.");
  await press(page, "button");
  await eye.look("objected", TITLE, "de");
  const said = await page.textContent("main");
  assert.match(said, /Ihr Widerspruch ist eingegangen/);
  assert.match(said, new RegExp(`Sie sollen bis ${WHEN.source} Bescheid haben`));

  await page.goto(link);
  assert.equal(await page.locator("form").count(), 0);
}

async function oppose(page, eye, requester) {
  await page.goto(await linkTo(requester.declined, "Abgelehnt"));
  await eye.look("declined", TITLE, "de");
  assert.match(await page.textContent("main"), /Private Geräte werden nicht gewartet/);
  assert.equal(await page.getAttribute("dd a", "href"), "https://desk.example/widerspruch");
  await reach(page, "#why");
  await page.keyboard.type("Es ist kein privates Gerät.");
  await press(page, "button");
  await eye.look("opposed", TITLE, "de");
  assert.match(await page.textContent("main"), /Ihr Widerspruch ist eingegangen/);
}

async function renegotiate(page, eye, requester) {
  const title = "Imprimante du quai 4";
  const link = await linkTo(requester.renegotiates, "Une promesse ne sera pas tenue");
  await page.goto(link);
  await eye.look("offered", title, "fr");
  const said = await page.textContent("main");
  for (const part of ["La pièce de rechange", "Deux autres fournisseurs", "Une imprimante de prêt", "Europe/Paris"]) {
    assert.ok(said.includes(part), part);
  }
  assert.match(said, QUAND);

  await reach(page, "#reply");
  await page.keyboard.press("ArrowDown");
  await press(page, "button");
  await eye.look("no-time", `Erreur\u00a0: ${title}`, "fr");
  await reach(page, ".summary a");
  await page.keyboard.press("Enter");
  await reach(page, "input[value=counter]");
  await page.keyboard.press("ArrowUp");
  await reach(page, "#comment");
  await page.keyboard.type("Merci de prévenir avant de venir.");
  await press(page, "button");
  await eye.look("agreed", title, "fr");
  assert.match(await page.textContent("main"), /Merci[^]*C’est convenu/);

  const again = await page.goto(link);
  assert.equal(again.status(), 410);
  await eye.look("used", title, "fr");
  assert.equal(await page.locator("form").count(), 0);
}

async function openNothing(page, eye, requester) {
  for (const [name, url] of [
    ["expired", requester.expired_url],
    ["wrong", `${requester.expired_url.slice(0, -4)}aaaa`],
    ["none", `${world.url}/renegotiation/nothing`],
  ]) {
    const answer = await page.goto(url);
    assert.equal(answer.status(), 404);
    await eye.look(name, "Este enlace no abre nada", "es");
    assert.equal(await page.locator("a").count(), 0, "a requester has no account to be led to");
  }
  const over = await page.goto(requester.over_url);
  assert.equal(over.status(), 410);
  await eye.look("silence", "Imprimante du quai 4", "fr");
  assert.match(await page.textContent("main"), /Aucune réponse n’est arrivée à temps/);
}

/** Goes on by the tabulator until this has the focus, which has to be seen. */
async function reach(page, selector) {
  for (let tabs = 0; tabs < TABS_MAX; tabs++) {
    if (await page.evaluate((wanted) => document.activeElement.matches(wanted), selector)) {
      const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineWidth);
      assert.notEqual(outline, "0px", `${selector} has the focus, and nobody sees it`);
      return;
    }
    await page.keyboard.press("Tab");
  }
  assert.fail(`${selector} is not reached by the keyboard`);
}

async function press(page, selector) {
  await reach(page, `main ${selector}`);
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
}
