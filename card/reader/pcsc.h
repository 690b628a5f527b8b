/*
 * What the two files of readers through PC/SC share.
 */
#ifndef CARD_READER_PCSC_H
#define CARD_READER_PCSC_H

#include "card/reader/reader.h"

/* The error for what an SCard function returned. */
int pcsc_fail(long rv, const char *call);

/* pcsc_list.c: slots of reader_pcsc. */
int pcsc_list(void *io, struct reader_list *out);
int pcsc_states(void *io, struct reader_states *states, int timeout_ms);

#endif
