// What the watchdog of a freeze becomes when its agent was silent for too long: `main.ts PATH`.
import process from 'node:process';
import { letGo } from '#agent/watchdog/let-go.ts';

await letGo(process.argv[2] ?? '');
