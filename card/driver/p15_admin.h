/*
 * What cards with ISO 7816-15 directories say of themselves, whatever family,
 * and the PUK that their directories may leave out.
 */
#ifndef CARD_DRIVER_P15_ADMIN_H
#define CARD_DRIVER_P15_ADMIN_H

#include "card/driver/fields.h"
#include "card/driver/p15_token.h"

/*
 * A file, or a part of it, as much as `file` holds; never from the cache, nor
 * kept there.
 */
int p15_admin_read(struct token *t, struct bytes path, struct p15_range range,
                   struct buf *file);
/* The card is whole, but will not show that. */
bool p15_admin_is_closed(int rc);

/* TokenInfo: what the driver keeps of it elsewhere, or in struct p15_token. */
void p15_describe_info(const struct token *t, const struct p15_token_info *info,
                       struct fields *f);
int p15_describe_token(struct token *t, struct fields *f);
/* "TokenInfo (5032)", or wherever this card has it. */
const char *p15_info_source(const struct token *t);
/* The application with that AID or path, as EF.DIR calls it. */
int p15_describe_application(struct token *t, struct bytes aid,
                             struct bytes path, struct fields *f);
/* YYYYMMDDhhmmss, and Z for UTC; anything else as it is. */
void p15_describe_time(struct fields *f, const char *name, const char *time,
                       const char *source);

/*
 * A PUK behind the PINs, made like the first of them; NULL: there is one, or no
 * PIN, or no room.
 */
struct card_pin_info *p15_add_puk(struct token *t, const char *label);

#endif
