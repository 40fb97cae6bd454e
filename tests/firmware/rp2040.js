/* An RP2040 in rp2040js with an image in its flash; UART0 is standard input and output, its bytes come as fast as it
 * takes them: node rp2040.js IMAGE.
 *
 * The boot ROM is not at hand. What firmware uses of it stands in: the second stage's CRC and start, and the flash
 * functions (RP2040 data sheet, "Bootrom"), which end the program where the real ones would not do what was meant. */
const { createReadStream, readFileSync, writeSync } = require('node:fs');
const { RP2040 } = require('rp2040js');

const CRYSTAL_HZ = 12e6, SLICE = 20000;
const BOOT2_BYTES = 256, BOOT2_AT = 0x20041f00, SRAM_AT = 0x20000000, PAGE = 256, SECTOR = 4096;
const LOOK_UP_AT = 0x18, STUBS_AT = 0x100;
const BREAKPOINT = 0xbe00, RETURN = 0x47700000, WATCHDOG = 0x40058;
const SILENT = { debug() {}, info() {}, warn() {}, error: (who, what) => fail(`${who}: ${what}`) };

const incoming = [];
let chip, state, resetAsked = false;

function fail(why) {
  console.error(why);
  process.exit(3);
}

function advance(from, to) {
  if (state !== from) fail(`flash is ${state} where it has to be ${from}`);
  state = to;
}

function erase(at, count) {
  advance('ready', 'ready');
  if (at % SECTOR || count % SECTOR) fail(`erase of ${count} bytes at ${at}`);
  chip.flash.fill(0xff, at, at + count);
}

function program(at, from, count) {
  advance('ready', 'ready');
  if (at % PAGE || count % PAGE) fail(`program of ${count} bytes at ${at}`);
  for (let place = 0; place < count; place++) chip.flash[at + place] &= chip.readUint8((from >>> 0) + place);
}

/* What each stub of the ROM does; the first finds the others by two letters. */
const ROM = [
  ['', (table, code) => {
    const stub = ROM.findIndex(([name]) => name && name === String.fromCharCode(code & 0xff, code >> 8));
    chip.core.registers[0] = stub > 0 ? (STUBS_AT + 4 * stub) | 1 : 0;
  }],
  ['IF', () => advance('mapped', 'connected')],
  ['EX', () => advance('connected', 'ready')],
  ['RE', erase],
  ['RP', program],
  ['FC', () => advance('ready', 'flushed')],
  ['CX', () => advance('flushed', 'mapped')],
];

function crcOf(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte << 24;
    for (let bit = 0; bit < 8; bit++) crc = (crc << 1) ^ (crc & 0x80000000 ? 0x04c11db7 : 0);
  }
  return crc >>> 0;
}

/* As after a reset: peripherals anew, memory and flash as they were. */
function start(flash, sram) {
  chip = new RP2040();
  chip.logger = SILENT;
  chip.flash.set(flash);
  chip.sram.set(sram);
  chip.bootrom[LOOK_UP_AT / 4] = STUBS_AT | 1;
  ROM.forEach((_, stub) => { chip.bootrom[STUBS_AT / 4 + stub] = RETURN | BREAKPOINT | stub; });
  chip.onBreak = (stub) => ROM[stub][1](...chip.core.registers.slice(0, 3));
  chip.uart[0].onByte = (byte) => writeSync(1, Uint8Array.of(byte));
  const watchdog = chip.peripherals[WATCHDOG];
  watchdog.onWatchdogTrigger = () => {
    watchdog.alarm.enable = false; // or it never leaves this moment
    resetAsked = true;
  };
  const boot2 = chip.flash.subarray(0, BOOT2_BYTES), sum = chip.flashView.getUint32(BOOT2_BYTES - 4, true);
  if (crcOf(boot2.subarray(0, BOOT2_BYTES - 4)) !== sum) fail('the CRC of the second stage is wrong');
  chip.sram.set(boot2, BOOT2_AT - SRAM_AT);
  chip.core.PC = chip.core.SP = BOOT2_AT;
  state = 'mapped';
}

function run() {
  for (let step = 0; step < SLICE; step++) {
    chip.clock.tick((chip.core.executeInstruction() * 1e9) / CRYSTAL_HZ);
    if (incoming.length && chip.uart[0].rxFIFO.empty) chip.uart[0].feedByte(incoming.shift());
    if (resetAsked) start(chip.flash, chip.sram);
    resetAsked = false;
  }
  setImmediate(run);
}

const erased = new Uint8Array(16 << 20).fill(0xff);
erased.set(readFileSync(process.argv[2]));
start(erased, new Uint8Array(264 << 10));
createReadStream(null, { fd: 0 }).on('data', (bytes) => incoming.push(...bytes)).on('error', () => process.exit(0));
run();
