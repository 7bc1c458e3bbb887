// A server of HTTP: it publishes at each request, and answers with the error of the connection that is refused.

import { publishAll } from './steps.js';

addEventListener('fetch', (event) => {
  let response;
  try {
    response = new Response(publishAll());
  } catch (error) {
    response = new Response(`${error} ${JSON.stringify(error.payload)}`, { status: 500 });
  }
  event.respondWith(response);
});
