/*
 * What simulated cards share of ISO 7816-3 and -4: the four cases at T=0 and
 * T=1, short and extended, command chaining, GET RESPONSE; and PINs whose
 * counters outlive the program. Written from the fact sheets; nothing in it
 * comes from card/wire.
 */
#ifndef TESTS_SIM_FRAME_H
#define TESTS_SIM_FRAME_H

#include "card/base/bytes.h"

enum sim_sw {
    SIM_SW_OK = 0x9000,
    SIM_SW_EOF = 0x6282,
    SIM_SW_TRIES = 0x63C0,
    SIM_SW_MEMORY = 0x6581,
    SIM_SW_LENGTH = 0x6700,
    SIM_SW_CHANNEL = 0x6881,
    SIM_SW_SECURE_MESSAGING = 0x6882,
    SIM_SW_CHAINING = 0x6884,
    SIM_SW_SECURITY = 0x6982,
    SIM_SW_BLOCKED = 0x6983,
    SIM_SW_UNUSABLE = 0x6984,
    SIM_SW_CONDITIONS = 0x6985,
    SIM_SW_NO_EF = 0x6986,
    SIM_SW_DATA = 0x6A80,
    SIM_SW_FUNCTION = 0x6A81,
    SIM_SW_NOT_FOUND = 0x6A82,
    SIM_SW_NO_RECORD = 0x6A83,
    SIM_SW_P1P2 = 0x6A86,
    SIM_SW_NO_REFERENCE = 0x6A88,
    SIM_SW_OFFSET = 0x6B00,
    SIM_SW_WRONG_LE = 0x6C00,
    SIM_SW_INS = 0x6D00,
    SIM_SW_CLA = 0x6E00,
    SIM_SW_ERROR = 0x6F00
};

enum { SIM_MAX_DATA = 65536, SIM_LE_ALL = 65536 };

/*
 * A command taken apart, its chain put together.
 *   le    0: none asked for; 256 for a byte 00, 65536 for extended 0000. At
 *         T=0 of a five-byte command P3, which may be an Lc whose data did
 *         not come: the card knows by INS
 */
struct sim_command {
    uint8_t cla, ins, p1, p2; /* cla without the chaining bit */
    struct bytes body;
    size_t le;
};

/* Appends its data to `out` (SIM_MAX_DATA) and returns a status word. */
typedef unsigned sim_run_fn(void *card, const struct sim_command *cmd,
                            struct buf *out);

/* READ BINARY that asks for more than is left. */
enum sim_tail {
    SIM_TAIL_6282, /* what is left, and 6282 */
    SIM_TAIL_6C,   /* 6Cxx, nothing read */
    SIM_TAIL_SHORT /* what is left, and 9000 */
};

/* Answers that lie; "damage" among the settings. */
enum sim_damage {
    SIM_DAMAGE_NONE,
    SIM_DAMAGE_ENDLESS, /* "endless=yes": 61xx for ever */
    SIM_DAMAGE_6C,      /* "6c": every command with an Le is answered 6Cxx */
    SIM_DAMAGE_LENGTHS  /* "lengths": TLV lengths in answers grow by 16 */
};

/* Set by the family. */
struct sim_frame {
    bool t1;
    bool extended;    /* takes extended length (T=1 only) */
    bool no_chaining; /* 6884 */
    bool sparing;     /* 255 bytes of 256 where more follow, as PivApplet */
    enum sim_tail tail;
    enum sim_damage damage;
    struct buf chain, waiting, out; /* owned: sim_frame_init, _clear */
    uint8_t chained[4];             /* CLA INS P1 P2 of the chain so far */
};

/* CARD_E_MEMORY; what is to be cleared is clear. */
int sim_frame_init(struct sim_frame *f);
void sim_frame_clear(struct sim_frame *f);
/* Power on: nothing waits, no chain is begun. */
void sim_frame_power(struct sim_frame *f);
/*
 * The applet's process. A command whose CLA has secure messaging or a logical
 * channel is the card's to refuse. At T=0 the data of a command with a body
 * waits for GET RESPONSE; without one it comes at once if Le fits, else 6Cxx
 * (or the first 256 bytes and 61xx). At T=1 it comes up to Le, the rest waits.
 */
int sim_frame_process(struct sim_frame *f, sim_run_fn *run, void *card,
                      struct bytes raw, struct buf *rsp);
/*
 * READ BINARY's answer: `content` from offset on, le bytes of it, or the tail.
 */
unsigned sim_read_binary(const struct sim_frame *f, struct bytes content,
                         size_t offset, size_t le, struct buf *out);
/*
 * Settings t1, extended, chaining, sparing, tail, endless, damage: true if it
 * was one.
 */
bool sim_frame_set(struct sim_frame *f, const char *name, const char *value);
bool sim_is_yes(const char *value);

/* ---- PINs ---------------------------------------------------------------- */

enum { SIM_PIN_MAX = 32, SIM_MAX_PINS = 4 };

struct sim_pin {
    uint8_t value[SIM_PIN_MAX]; /* as it goes over the wire, padding and all */
    size_t len;
    size_t min; /* bytes of a new value; 0: as many as the old one has */
    unsigned tries, max;
    bool verified; /* RAM */
};

struct sim_pins {
    struct sim_pin pin[SIM_MAX_PINS]; /* 0: the user's, 1: the PUK */
    size_t count;
    char path[512]; /* of the state; "": forgotten */
};

/*
 * Take the values from the state file if there is one; else they stay, and the
 * file is made. CARD_E_CONFIG.
 */
int sim_pins_load(struct sim_pins *p, const char *state);
int sim_pins_save(const struct sim_pins *p);
/*
 * Compare: 9000, 63Cx, 6983. The counter is written before the answer, and
 * full again when it was right.
 */
unsigned sim_pin_verify(struct sim_pins *p, size_t index, struct bytes value);
/* An empty VERIFY: 9000 while verified, 63Cx, 6983. */
unsigned sim_pin_query(const struct sim_pins *p, size_t index);
/*
 * CHANGE REFERENCE DATA, RESET RETRY COUNTER: the value of pin[by], compared as
 * VERIFY does, and behind it a new one for pin[index]. 6700, and no try is
 * spent, if they are too short or too long.
 */
unsigned sim_pin_replace(struct sim_pins *p, size_t index, size_t by,
                         struct bytes body);
/*
 * A new value and all tries, at once or not at all; what allows it is the
 * family's to check. 6700, 6581.
 */
unsigned sim_pin_renew(struct sim_pins *p, size_t index, struct bytes fresh);
/*
 * Settings tries and puk-tries, 0 to 15: what is left; but for 0 the most there
 * can be, too. True if it was one.
 */
bool sim_pins_set(struct sim_pins *p, const char *name, const char *value);
void sim_pins_power(struct sim_pins *p);

#endif
