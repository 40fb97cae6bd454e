/* What every fallible call returns. The numbers cross the wire: append only. */
#ifndef NASC_STATUS_H
#define NASC_STATUS_H

typedef enum {
    NASC_OK = 0,
    NASC_BAD_REQUEST = 1,   /* a field is missing, of the wrong type or out of range */
    NASC_UNKNOWN = 2,       /* no such group, command or slot */
    NASC_WRONG_OFFSET = 3,  /* not the next byte of an upload or an input, or a run without a whole input */
    NASC_TOO_LARGE = 4,     /* for the slot, the arena or the frame */
    NASC_BAD_DIGEST = 5,    /* the bytes received are not the bytes announced */
    NASC_BAD_PLAN = 6,      /* magic, version, checksum, bounds: the answer says which */
    NASC_WRONG_BOARD = 7,   /* packed for another kernel set */
    NASC_GOLDEN_FAILED = 8, /* the trial run gave other bytes than the plan's golden output */
    NASC_NO_HEAD = 9,
    NASC_FLASH_FAILED = 10,
    NASC_BUSY = 11 /* flash worked for longer than any of its operations takes */
} nasc_status_t;

#endif
