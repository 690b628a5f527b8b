/*
 * Errors of the card layer: a code a caller can decide on, and one sentence
 * per thread that says what was found, by the function that found it.
 */
#ifndef CARD_ERROR_H
#define CARD_ERROR_H

#include <stddef.h>

/* 0 is success, every error is negative; functions return one or the other. */
enum card_error {
    CARD_OK = 0,
    CARD_E_MEMORY = -1,       /* allocation failed */
    CARD_E_ARGUMENT = -2,     /* the caller asked for something senseless */
    CARD_E_BUFFER = -3,       /* the caller's buffer is too small */
    CARD_E_UNSUPPORTED = -4,  /* this card, or this build, cannot do it */
    CARD_E_NOT_MINE = -5,     /* probe: another driver's card; ask the next */
    CARD_E_NOT_FOUND = -6,    /* no such object, file or reference */
    CARD_E_AMBIGUOUS = -7,    /* more than one card or key matches */
    CARD_E_NO_SERVICE = -8,   /* pcscd does not answer */
    CARD_E_NO_READER = -9,    /* no reader, or none of that name */
    CARD_E_NO_CARD = -10,     /* no card in the reader */
    CARD_E_REMOVED = -11,     /* the card was taken out while in use */
    CARD_E_RESET = -12,       /* another program reset the card */
    CARD_E_BUSY = -13,        /* another program holds the card */
    CARD_E_TIMEOUT = -14,     /* the card or the reader did not answer */
    CARD_E_COMM = -15,        /* transport failure between reader and card */
    CARD_E_PROTOCOL = -16,    /* the card answered something malformed */
    CARD_E_STATUS = -17,      /* the card refused: status word in the sentence */
    CARD_E_LOGIN = -18,       /* 6982: PIN not verified */
    CARD_E_PIN_WRONG = -19,   /* the card rejected the PIN: a try is spent */
    CARD_E_PIN_LOCKED = -20,  /* no tries left */
    CARD_E_PIN_NEEDED = -21,  /* no source gave a PIN */
    CARD_E_PIN_REFUSED = -22, /* we did not present it: policy (no try spent) */
    CARD_E_PIN_FORMAT = -23,  /* length or characters; nothing was sent */
    CARD_E_CANCELLED = -24,   /* the user cancelled the prompt */
    CARD_E_SELF_CHECK = -25,  /* the signature does not verify: discarded */
    CARD_E_URI = -26,         /* malformed or unknown URI attribute */
    CARD_E_CONFIG = -27,      /* malformed or unknown configuration */
    CARD_E_OTHER_CARD = -28,  /* another card is in the reader now */
    CARD_E_LIMIT = -29,       /* a cap of ours was reached (size, APDU budget) */
    CARD_E_TOKEN = -30        /* a PKCS#11 module failed: CK_RV in the sentence */
};

struct card_error_name {
    int code;           /* enum card_error */
    const char *words;  /* what happened, for a person */
    const char *remedy; /* what to do about it, or "" */
};

/* One row per code; the last has code CARD_OK. Reason strings come from it. */
extern const struct card_error_name card_error_names[];

/* The row for a code; an unknown code gives a row that says so, never NULL. */
const struct card_error_name *card_error_name(int code);

/*
 * Record the sentence for this thread (at most 511 bytes, cut there; never a
 * secret in it) and return `code`, so that `return card_fail(...)` reads well.
 */
int card_fail(int code, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Put "<context>: " before this thread's sentence and return `code`: where
 * the reader and the card are known, once on the way up.
 */
int card_fail_in(int code, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* This thread's last sentence; "" if none. Valid until the next card_fail. */
const char *card_error_sentence(void);

/* Forget this thread's sentence, before an operation that may set one. */
void card_error_clear(void);

#endif
