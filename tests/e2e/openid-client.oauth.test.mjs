// The authorization server, asked by openid-client.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { importJWK } from "jose";
import * as client from "openid-client";
import { Person } from "./person.mjs";
import { world } from "./world.mjs";

const SCOPE = "requests:read tenant:read";
const TENANT = "Harbour Operations";

const key = async () => ({ key: await importJWK(world.signing.private_jwk, "ES256"), kid: world.signing.private_jwk.kid });

const configured = (known, authentication) =>
  client.discovery(new URL(world.url), known.client_id, {}, authentication, {
    algorithm: "oauth2",
    execute: [client.allowInsecureRequests],
  });

const asPublic = () => configured(world.public, client.None());
const asConfidential = () => configured(world.confidential, client.ClientSecretBasic(world.confidential.client_secret));
const asSigning = async () => configured(world.signing, client.PrivateKeyJwt(await key()));

async function consented(config) {
  const verifier = client.randomPKCECodeVerifier();
  const state = client.randomState();
  const address = client.buildAuthorizationUrl(config, {
    redirect_uri: world.callback,
    scope: SCOPE,
    state,
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
  });
  const back = await new Person(world.people["320-light"], TENANT).allow(address);
  const checks = { pkceCodeVerifier: verifier, expectedState: state };
  return { tokens: await client.authorizationCodeGrant(config, back, checks), back, checks };
}

const status = async (config, tokens) => {
  const address = new URL("/v1/tenant", world.url);
  try {
    return (await client.fetchProtectedResource(config, tokens.access_token, address, "GET")).status;
  } catch (error) {
    if (!(error instanceof client.WWWAuthenticateChallengeError)) throw error;
    return error.status;
  }
};

const refuses = (promise, error) => assert.rejects(promise, (thrown) => thrown.error === error);

/** A client that is not known gets a challenge, which the library throws in the place of the error. */
async function isUnknown(promise) {
  const thrown = await promise.catch((error) => error);
  assert.equal(thrown.status, 401);
  assert.equal((await thrown.response.json()).error, "invalid_client");
}

describe("openid-client", () => {
  for (const [name, known] of Object.entries({ public: asPublic, secret: asConfidential, signed: asSigning })) {
    test(`gets tokens by a code with PKCE, refreshes and revokes them: ${name}`, async () => {
      const config = await known();
      const { tokens } = await consented(config);
      assert.equal(tokens.token_type, "bearer");
      assert.deepEqual(tokens.scope.split(" ").sort(), SCOPE.split(" ").sort());
      assert.equal(await status(config, tokens), 200);

      const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token);
      assert.notEqual(refreshed.refresh_token, tokens.refresh_token);
      assert.equal(await status(config, refreshed), 200);

      await client.tokenRevocation(config, refreshed.refresh_token);
      await refuses(client.refreshTokenGrant(config, refreshed.refresh_token), "invalid_grant");
    });
  }

  test("finds that a code counts once, and that its second use ends what it gave", async () => {
    const config = await asPublic();
    const { tokens, back, checks } = await consented(config);
    await refuses(client.authorizationCodeGrant(config, back, checks), "invalid_grant");
    await refuses(client.refreshTokenGrant(config, tokens.refresh_token), "invalid_grant");
  });

  test("finds that an old refresh token ends its family", async () => {
    const config = await asPublic();
    const { tokens } = await consented(config);
    const second = await client.refreshTokenGrant(config, tokens.refresh_token);
    const third = await client.refreshTokenGrant(config, second.refresh_token);
    await refuses(client.refreshTokenGrant(config, tokens.refresh_token), "invalid_grant");
    await refuses(client.refreshTokenGrant(config, third.refresh_token), "invalid_grant");
  });

  test("finds that a wrong verifier gets nothing", async () => {
    const config = await asPublic();
    const address = client.buildAuthorizationUrl(config, {
      redirect_uri: world.callback,
      scope: SCOPE,
      state: "s",
      code_challenge: await client.calculatePKCECodeChallenge(client.randomPKCECodeVerifier()),
      code_challenge_method: "S256",
    });
    const back = await new Person(world.people["320-light"], TENANT).allow(address);
    const checks = { pkceCodeVerifier: client.randomPKCECodeVerifier(), expectedState: "s" };
    await refuses(client.authorizationCodeGrant(config, back, checks), "invalid_grant");
  });

  for (const [name, known] of Object.entries({ secret: asConfidential, signed: asSigning })) {
    test(`gets a token for itself, and asks what it is: ${name}`, async () => {
      const config = await known();
      const tokens = await client.clientCredentialsGrant(config, { scope: "tenant:read" });
      assert.equal(await status(config, tokens), 200);
      assert.equal((await client.tokenIntrospection(config, tokens.access_token)).active, true);
      await client.tokenRevocation(config, tokens.access_token);
      assert.equal((await client.tokenIntrospection(config, tokens.access_token)).active, false);
    });
  }

  test("is refused with a wrong secret", async () => {
    const config = await configured(world.confidential, client.ClientSecretPost("not the secret"));
    await isUnknown(client.clientCredentialsGrant(config));
  });
});
