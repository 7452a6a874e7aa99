// An OpenID provider of other people, for the tests: its own sign-in pages, two people, and access tokens for the resource that is asked for.
import Provider from "oidc-provider";

const {ORIGIN, PORT} = process.env;
const people = {
  ann: {sub: "ann", email: "ann@shop.example", email_verified: true, roles: ["owner"]},
  vera: {sub: "vera", email: "vera@shop.example", email_verified: true, roles: ["viewer"]},
};
const find = id => people[id] && {accountId: id, claims: () => people[id]};

const provider = new Provider(`http://localhost:${PORT}`, {
  clients: [
    {
      client_id: "pages",
      client_secret: "client-secret",
      redirect_uris: [`${ORIGIN}/sign-in/callback`],
      application_type: "native",
    },
  ],
  pkce: {required: () => true},
  claims: {openid: ["sub"], profile: ["roles"], email: ["email", "email_verified"]},
  conformIdTokenClaims: false,
  findAccount: (_context, id) => find(id),
  cookies: {keys: ["only for tests"]},
  extraTokenClaims: (_context, token) => (token.accountId ? people[token.accountId] : undefined),
  features: {
    devInteractions: {enabled: true},
    registration: {enabled: true},
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined,
      useGrantedResource: () => true,
      getResourceServerInfo: (_context, resource) => ({scope: "", audience: resource, accessTokenFormat: "jwt"}),
    },
  },
});
provider.listen(Number(PORT), "127.0.0.1", () => console.log("ready"));
