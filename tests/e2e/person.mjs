// A person without a browser: keeps cookies, fills in our forms, and says yes to an application.

import assert from "node:assert/strict";
import { world } from "./world.mjs";

const HOPS_MAX = 10;

export class Person {
  constructor({ email, password }, tenant) {
    this.email = email;
    this.password = password;
    this.tenant = tenant;
    this.cookies = new Map();
  }

  /** Goes to an authorization request, logs in if asked to, allows it, and comes back with where it led. */
  async allow(address) {
    let page = await this.get(address);
    for (let hop = 0; hop < HOPS_MAX && !(page instanceof URL); hop++) page = await this.answer(page);
    assert.ok(page instanceof URL, "the way did not end at the application");
    return page;
  }

  answer(page) {
    if (page.text.includes('name="password"')) {
      return this.post("/login", page, { email: this.email, password: this.password });
    }
    if (page.text.includes('name="tenant"') && page.text.includes("/login/organisation")) {
      const [, tenant] = page.text.match(new RegExp(`name="tenant" value="([^"]+)"[^>]*><span>${this.tenant}`));
      return this.post("/login/organisation", page, { tenant });
    }
    const onward = page.text.match(/http-equiv="refresh" content="0;url=([^"]+)"/);
    if (onward) return this.get(unescaped(onward[1]));
    assert.match(page.text, /It will be able to/);
    return this.post("/oauth/authorize", page, { decision: "allow" });
  }

  get(address) {
    return this.send(new URL(address, world.url), {});
  }

  post(path, page, values) {
    const hidden = [...page.text.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)];
    const fields = Object.fromEntries(hidden.map(([, name, value]) => [name, unescaped(value)]));
    const body = new URLSearchParams({ ...fields, ...values });
    return this.send(new URL(path, world.url), { method: "POST", body });
  }

  async send(address, options) {
    if (address.origin !== new URL(world.url).origin) return address;
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const answer = await fetch(address, { ...options, headers: { cookie }, redirect: "manual" });
    for (const each of answer.headers.getSetCookie()) {
      const [, name, value] = each.match(/^([^=]+)=([^;]*)/);
      if (value) this.cookies.set(name, value);
      else this.cookies.delete(name);
    }
    const location = answer.headers.get("location");
    if (location) return this.send(new URL(location, address), {});
    return { status: answer.status, text: await answer.text() };
  }
}

function unescaped(text) {
  const known = { "&amp;": "&", "&lt;": "<", "&gt;": ">", "&#34;": '"', "&#39;": "'" };
  return text.replace(/&(amp|lt|gt|#34|#39);/g, (each) => known[each]);
}
