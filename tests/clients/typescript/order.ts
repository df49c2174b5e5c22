// A guest's first order with the generated types: browse, fill a cart, buy. Says the number of the order.

import createClient from "openapi-fetch";
import type { components, paths } from "./stoa.js";

type Address = components["schemas"]["AddressInput"];
type Problem = components["schemas"]["Problem"];

declare const process: { argv: string[] };

const stoa = createClient<paths>({ baseUrl: process.argv[2] ?? "" });

function must<T>(answer: { data?: T; error?: Problem | undefined }): T {
  if (answer.data === undefined) throw new Error(`refused: ${answer.error?.type} ${answer.error?.detail}`);
  return answer.data;
}

const address: Address = {
  name: "Ada Lovelace",
  line1: "12 St James's Square",
  city: "London",
  postal_code: "SW1Y 4JH",
  country: "GB",
};

const found = must(await stoa.GET("/products", { params: { query: { limit: 5 } } }));
const sku = found.items[0]?.skus[0];
if (sku === undefined) throw new Error("there is nothing to buy");
const cart = must(await stoa.POST("/cart"));
const filled = must(
  await stoa.POST("/cart/{ref}/items", { params: { path: { ref: cart.id } }, body: { sku, quantity: 2 } }),
);
const answer = await stoa.POST("/orders", {
  params: { header: { "Idempotency-Key": `order-of-${cart.id}` } },
  body: {
    cart_id: filled.id,
    email: "ada@example.com",
    shipping_address: address,
    shipping_method: "standard",
    payment: { method: "card", token: "tok_ok" },
  },
});
const order = must(answer);
if (!("number" in order)) throw new Error(`still under way: ${order.state}`);
console.log(order.number, order.status, order.total.amount, order.total.currency);
