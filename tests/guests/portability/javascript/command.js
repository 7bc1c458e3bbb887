// A command: it publishes, and prints the error of the connection that is refused.

import { publishAll } from './steps.js';

export const run = {
  run() {
    try {
      console.log(publishAll());
    } catch (error) {
      // Thrown further it is the result of `run`, which has no text.
      console.error(`${error} ${JSON.stringify(error.payload)}`);
      throw error;
    }
  },
};
