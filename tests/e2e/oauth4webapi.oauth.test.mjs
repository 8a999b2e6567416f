// The authorization server, asked by oauth4webapi, which takes every answer apart.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { importJWK } from "jose";
import * as oauth from "oauth4webapi";
import { Person } from "./person.mjs";
import { world } from "./world.mjs";

const SCOPE = "requests:read tenant:read";
const TENANT = "Harbour Operations";
const OPEN = { [oauth.allowInsecureRequests]: true };
const ISSUER = new URL(world.url);

async function server() {
  const answer = await oauth.discoveryRequest(ISSUER, { algorithm: "oauth2", ...OPEN });
  return oauth.processDiscoveryResponse(ISSUER, answer);
}

const known = {
  public: async () => [{ client_id: world.public.client_id }, oauth.None()],
  secret: async () => [
    { client_id: world.confidential.client_id },
    oauth.ClientSecretPost(world.confidential.client_secret),
  ],
  signed: async () => {
    const { private_jwk: jwk, client_id } = world.signing;
    return [{ client_id }, oauth.PrivateKeyJwt({ key: await importJWK(jwk, "ES256"), kid: jwk.kid })];
  },
};

async function consented(as, client, authentication) {
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const address = new URL(as.authorization_endpoint);
  address.search = new URLSearchParams({
    response_type: "code",
    client_id: client.client_id,
    redirect_uri: world.callback,
    scope: SCOPE,
    state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
  }).toString();
  const back = await new Person(world.people["320-dark"], TENANT).allow(address);
  const callback = oauth.validateAuthResponse(as, client, back, state); // iss and state, RFC 9207
  const answer = await oauth.authorizationCodeGrantRequest(
    as, client, authentication, callback, world.callback, verifier, OPEN,
  );
  return oauth.processAuthorizationCodeResponse(as, client, answer);
}

async function refreshed(as, client, authentication, token) {
  const answer = await oauth.refreshTokenGrantRequest(as, client, authentication, token, OPEN);
  return oauth.processRefreshTokenResponse(as, client, answer);
}

async function claimsOf(as, token) {
  const request = new Request(new URL("/v1/tenant", world.url), { headers: { authorization: `Bearer ${token}` } });
  return oauth.validateJwtAccessToken(as, request, world.url, { signingAlgorithms: ["ES256"], ...OPEN });
}

const refuses = (promise, error) => assert.rejects(promise, (thrown) => thrown.error === error);

/** A client that is not known gets a challenge, which the library throws in the place of the error. */
async function isUnknown(promise) {
  const thrown = await promise.catch((error) => error);
  assert.equal(thrown.status, 401);
  assert.equal((await thrown.response.json()).error, "invalid_client");
}

describe("oauth4webapi", () => {
  test("reads the metadata of server and resource", async () => {
    const as = await server();
    assert.deepEqual(as.code_challenge_methods_supported, ["S256"]);
    assert.equal(as.authorization_response_iss_parameter_supported, true);
    const answer = await oauth.resourceDiscoveryRequest(ISSUER, OPEN);
    const resource = await oauth.processResourceDiscoveryResponse(ISSUER, answer);
    assert.deepEqual(resource.authorization_servers, [world.url]);
  });

  for (const [name, prepare] of Object.entries(known)) {
    test(`gets tokens by a code with PKCE, whose access token it can verify, refreshes and revokes: ${name}`, async () => {
      const [as, [client, authentication]] = await Promise.all([server(), prepare()]);
      const tokens = await consented(as, client, authentication);
      const claims = await claimsOf(as, tokens.access_token);
      assert.equal(claims.client_id, client.client_id);
      assert.deepEqual(claims.scope.split(" ").sort(), SCOPE.split(" ").sort());

      const next = await refreshed(as, client, authentication, tokens.refresh_token);
      assert.notEqual(next.refresh_token, tokens.refresh_token);
      await claimsOf(as, next.access_token);
      const revocation = await oauth.revocationRequest(as, client, authentication, next.refresh_token, OPEN);
      await oauth.processRevocationResponse(revocation);
      await refuses(refreshed(as, client, authentication, next.refresh_token), "invalid_grant");
    });
  }

  for (const name of ["secret", "signed"]) {
    test(`gets a token for itself, and asks what it is: ${name}`, async () => {
      const [as, [client, authentication]] = await Promise.all([server(), known[name]()]);
      const granted = await oauth.clientCredentialsGrantRequest(
        as, client, authentication, { scope: "tenant:read" }, OPEN,
      );
      const tokens = await oauth.processClientCredentialsResponse(as, client, granted);
      const claims = await claimsOf(as, tokens.access_token);
      const asked = await oauth.introspectionRequest(as, client, authentication, tokens.access_token, OPEN);
      const told = await oauth.processIntrospectionResponse(as, client, asked);
      assert.deepEqual([told.active, told.iss, told.client_id], [true, world.url, client.client_id]);
      assert.equal(told.exp, claims.exp);
    });
  }

  test("is refused when somebody else signs", async () => {
    const as = await server();
    const { privateKey } = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
    const client = { client_id: world.signing.client_id };
    const authentication = oauth.PrivateKeyJwt({ key: privateKey, kid: world.signing.private_jwk.kid });
    const answer = await oauth.clientCredentialsGrantRequest(as, client, authentication, {}, OPEN);
    await isUnknown(oauth.processClientCredentialsResponse(as, client, answer));
  });
});
