// A command: it publishes, and prints the error of the connection that is refused.

import { publishAll } from './steps.js';

export const run = {
  run() {
    console.log(publishAll());
  },
};
