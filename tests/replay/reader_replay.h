/*
 * A card that is a transcript made by the recorder (reader_trace): it answers
 * as the card did then, and the first command byte that differs is an error.
 * Bytes masked as XX match anything.
 */
#ifndef TESTS_REPLAY_READER_REPLAY_H
#define TESTS_REPLAY_READER_REPLAY_H

#include "card/reader/reader.h"

struct replay;

/* Give a replay as io; it holds one reader, "Replay". */
extern const struct reader_ops reader_replay;

/* CARD_E_CONFIG: no such file, or no transcript. */
int replay_new(const char *path, struct replay **out);
void replay_free(struct replay *replay);
/* Every recorded command was sent. */
bool replay_is_done(const struct replay *replay);

#endif
