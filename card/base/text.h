/*
 * Texts that cards hold, made fit for people: any character set, no surprises.
 */
#ifndef CARD_BASE_TEXT_H
#define CARD_BASE_TEXT_H

#include "card/base/bytes.h"

/*
 * Cards of any age: UTF-8 if the whole text is that, else Latin-1. Control
 * characters become '?'. Cut at a character to `cap` bytes, the NUL included.
 */
void text_copy(char *out, size_t cap, struct bytes text);
/* UTF-8 without control characters. */
bool text_is_clean(struct bytes text);

#endif
