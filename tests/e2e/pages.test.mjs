// Every page that people see, in a real browser: small and large, light and dark. Nothing may break the rules
// that axe checks, run over the edge, be too small to touch, or be refused by our own security policy.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, describe, test } from "node:test";
import { Eye, launch, opened } from "./eye.mjs";
import { Authenticator, linkTo, world } from "./world.mjs";

const NEW_PASSWORD = "four slow trains at dusk";

let browser;
let callbacks;
const answers = [];

before(async () => {
  browser = await launch();
  const { port, hostname } = new URL(world.callback);
  callbacks = createServer((request, response) => {
    if (request.url.startsWith("/callback")) answers.push(new URL(request.url, world.callback));
    response.setHeader("content-type", "text/plain").end("Back at the application.");
  });
  await new Promise((listening) => callbacks.listen(Number(port), hostname, listening));
});

after(async () => {
  await browser.close();
  callbacks.close();
});

for (const [variant, person] of Object.entries(world.people)) {
  describe(`the pages at ${variant}`, () => {
    test("can be read, touched and used by everybody", () => walk(variant, person));
  });
}

async function walk(variant, person) {
  const { context, page, complaints } = await opened(browser, variant);
  const eye = new Eye(page, variant);

  const authenticator = await keepAccount(page, eye, person);
  await askConsent(page, eye, person, authenticator);
  await join_(page, eye, person);
  await resetPassword(page, eye, person, authenticator);
  await comeToNothing(page, context, eye);

  assert.deepEqual(complaints, []);
  await context.close();
}

async function keepAccount(page, eye, person) {
  await page.goto(`${world.url}/account`);
  assert.match(page.url(), /\/login$/);
  await eye.look("log-in", "Log in");
  assert.equal(await page.evaluate(() => document.activeElement.id), "email");

  await page.click("main button");
  await eye.look("log-in-empty", "Error: Log in");
  await logIn(page, person.email, "not the password at all");
  await eye.look("log-in-wrong", "Error: Log in");
  assert.equal(await page.inputValue("#email"), person.email);
  assert.equal(await page.inputValue("#password"), "");

  await logIn(page, person.email, person.password);
  await eye.look("choose-tenant", "Choose an organisation");
  await page.click("text=Harbour Operations");
  await eye.look("account", "Your account");

  await page.click("text=Set up an authenticator");
  await eye.look("authenticator", "Set up an authenticator");
  await page.click("summary");
  const authenticator = new Authenticator(await page.textContent(".secret"));
  await eye.look("authenticator-key", "Set up an authenticator");
  await enter(page, { code: "000000" });
  await eye.look("authenticator-wrong", "Error: Set up an authenticator");
  await enter(page, { code: await authenticator.code() });
  await eye.look("recovery-codes", "Your recovery codes");
  assert.equal(await page.locator(".codes li").count(), 10);
  await page.click("text=I have kept them");
  await eye.look("account-guarded", "Your account");

  await page.click("text=Make new recovery codes");
  await eye.look("recovery-question", "Make new recovery codes");
  await enter(page, { code: await authenticator.code() });
  await eye.look("recovery-codes-anew", "Your recovery codes");
  const [recovery] = await page.locator(".codes li").allTextContents();
  await page.click("text=I have kept them");
  await page.click("text=Remove the authenticator");
  await eye.look("remove-authenticator", "Remove the authenticator");
  await enter(page, { code: "no code" });
  await eye.look("remove-authenticator-wrong", "Error: Remove the authenticator");
  await page.click("text=Leave it as it is");

  await page.click("text=Change your password");
  await eye.look("change-password", "Change your password");
  await enter(page, { password: person.password, new_password: "short" });
  await eye.look("change-password-unfit", "Error: Change your password");
  await enter(page, { password: "not the password at all", new_password: NEW_PASSWORD });
  await eye.look("change-password-wrong", "Error: Change your password");
  await enter(page, { password: person.password, new_password: NEW_PASSWORD });
  await eye.look("password-changed", "Your account");

  await page.click("text=Log out >> nth=0");
  await eye.look("logged-out", "Log in");
  await logIn(page, person.email, NEW_PASSWORD);
  await eye.look("code", "Enter your code – Log in");
  await enter(page, { code: "000000" });
  await eye.look("code-wrong", "Error: Enter your code – Log in");
  await enter(page, { code: recovery });
  await page.click("text=Northern Light Hospitals");
  await page.click("text=Switch to another organisation");
  await eye.look("switch-tenant", "Choose an organisation");
  await page.click("text=Harbour Operations");
  return authenticator;
}

async function askConsent(page, eye, person, authenticator) {
  const ask = () => page.goto(authorization({ state: "a-state" }));
  await ask();
  await eye.look("consent", "Allow Pocket Desk?");
  await page.click("text=Do not allow");
  await page.waitForURL(`${world.callback}**`);
  assert.equal(answers.at(-1).searchParams.get("error"), "access_denied");
  assert.equal(answers.at(-1).searchParams.get("state"), "a-state");
  assert.equal(answers.at(-1).searchParams.get("iss"), world.url);

  await page.goto(`${world.url}/account`);
  await page.click("text=Log out everywhere");
  await eye.look("logged-out-everywhere", "Log in");
  const fullSecond = Math.ceil(Date.now() / 1000) * 1000; // a consent counts from there on, as tokens ended then
  await page.waitForFunction((at) => Date.now() >= at, fullSecond);
  await ask();
  await logIn(page, person.email, NEW_PASSWORD);
  await enter(page, { code: await authenticator.code() });
  await page.click("text=Harbour Operations");
  await page.waitForSelector("text=It will be able to"); // by way of the page that leads on
  await page.click("text=Allow >> nth=-2");
  await page.waitForURL(`${world.callback}**`);
  assert.equal(answers.at(-1).searchParams.get("iss"), world.url);
  assert.ok(answers.at(-1).searchParams.get("code"));

  const refused = await page.goto(authorization({ redirect_uri: "https://elsewhere.example/callback" }));
  assert.equal(refused.status(), 400);
  await eye.look("refused", "This request cannot go on");
}

async function join_(page, eye, person) {
  await page.goto(person.join_url);
  await eye.look("invitation-join", "Join Guild");
  await page.click("text=Join >> nth=-1");
  await eye.look("joined", "Your account");
  assert.match(await page.textContent(".facts"), /Guild/);

  await page.goto(person.newcomer_url);
  await eye.look("invitation-new", "Join Harbour Operations");
  await enter(page, { name: "Grace Hopper", new_password: "password1234" });
  await eye.look("invitation-unfit", "Error: Join Harbour Operations");
  await enter(page, { name: "Grace Hopper", new_password: NEW_PASSWORD });
  await eye.look("newcomer", "Your account");
  assert.match(await page.textContent(".facts"), /Grace Hopper/);
  await page.goto(person.newcomer_url);
  await eye.look("invitation-used", "This link does not count any more");
}

async function resetPassword(page, eye, person, authenticator) {
  await page.goto(`${world.url}/account`);
  await page.click("text=Log out >> nth=0");
  await page.click("text=Forgot your password?");
  await eye.look("reset-request", "Set a new password");
  await enter(page, { email: "nobody" });
  await eye.look("reset-request-wrong", "Error: Set a new password");
  await enter(page, { email: person.email });
  await eye.look("reset-asked", "Set a new password");
  await page.goto(await linkTo(person.email, "Set a new password"));
  await eye.look("reset", "Choose a new password");
  await enter(page, { new_password: "abcdefghijklmnop" });
  await eye.look("reset-unfit", "Error: Choose a new password");
  await enter(page, { new_password: person.password });
  await eye.look("reset-done", "Log in");
  await logIn(page, person.email, person.password);
  await enter(page, { code: await authenticator.code() });
  await page.waitForSelector("text=Choose an organisation");
}

async function comeToNothing(page, context, eye) {
  await page.goto(`${world.url}/password-reset/a-link-that-never-was`);
  await eye.look("reset-unknown", "This link does not count any more");
  await page.goto(`${world.url}/login/onward?next=https%3A%2F%2Felsewhere.example`);
  await page.waitForURL(/\/account$/);
  await page.goto(`${world.url}/login/organisation`);
  await context.clearCookies();
  await page.click(".tenants button >> nth=0");
  await eye.look("forged", "This was refused");
}

function authorization(changes) {
  const address = new URL("/oauth/authorize", world.url);
  const asked = {
    response_type: "code",
    client_id: world.public.client_id,
    redirect_uri: world.callback,
    scope: "requests:read requests:write commitments:read",
    state: "s",
    code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    code_challenge_method: "S256",
  };
  address.search = new URLSearchParams({ ...asked, ...changes }).toString();
  return address.href;
}

async function logIn(page, email, password) {
  await enter(page, { email, password });
}

async function enter(page, values) {
  for (const [name, value] of Object.entries(values)) await page.fill(`#${name}`, value);
  await page.click("main form:has(.field) button");
}
