/*
 * SELECT on ISO 7816-15 cards: applet, application, DF and file, with as few
 * commands as will do, in whatever form the card knows.
 */
#include "card/driver/iso15_use.h"

#include <string.h>

#include "card/wire/iso7816.h"

enum { SELECT_ANY = 0x00 };

static const uint8_t path_mf[] = {0x3F, 0x00};

struct bytes iso15_path(const struct card_path *path)
{
    return bytes_from(path->data, path->len);
}

void iso15_set_path(struct card_path *out, struct bytes path)
{
    out->len = 0;
    if (path.len > 0 && path.len <= sizeof(out->data)) {
        memcpy(out->data, path.data, path.len);
        out->len = path.len;
    }
}

/* A card may know only SELECT with an answer: P2 = 0C is given up then. */
static int select_by(struct token *t, uint8_t p1, struct bytes name)
{
    struct iso15 *iso = t->priv;
    int rc;

    iso->env.len = 0;
    rc = iso_select(t->reader, p1, iso->p2, name, NULL);
    if (rc != CARD_E_STATUS || iso->p2 != SELECT_NO_ANSWER)
        return rc;
    iso->p2 = SELECT_ANY;
    return iso_select(t->reader, p1, iso->p2, name, NULL);
}

/* From the MF down, one after the other: every card knows that. */
static int walk_path(struct token *t, struct bytes path)
{
    struct bytes fid;
    int rc = select_by(t, SELECT_ANY, BYTES_OF(path_mf));

    while (rc == 0 && bytes_take(&path, 2, &fid))
        rc = select_by(t, SELECT_ANY, fid);
    return rc;
}

int iso15_select_path(struct token *t, struct bytes path)
{
    struct iso15 *iso = t->priv;
    struct bytes mf;
    int rc;

    bytes_take(&path, 2, &mf);
    if (path.len == 0 || iso->walks)
        return walk_path(t, path);
    rc = select_by(t, SELECT_PATH_MF, path);
    if (rc != CARD_E_STATUS && rc != CARD_E_UNSUPPORTED)
        return rc;
    rc = walk_path(t, path);
    iso->walks = rc == 0;
    return rc;
}

static int select_aid(struct token *t, struct bytes aid)
{
    return select_by(t, SELECT_NAME, aid);
}

bool iso15_is_absolute(struct bytes path)
{
    return path.len >= 2 && bytes_start_with(path, BYTES_OF(path_mf));
}

int iso15_select(struct token *t)
{
    struct iso15 *iso = t->priv;
    const struct iso15_card *card = iso->card;
    int rc;

    t->selected = false;
    if (card->aid_len > 0)
        rc = select_aid(t, bytes_from(card->aid, card->aid_len));
    else if (iso->path.len > 0)
        rc = iso15_select_path(t, iso15_path(&iso->path));
    else
        rc = select_aid(t, iso15_path(&iso->aid));
    iso->current = iso->path;
    t->selected = iso->left_inside = rc == 0;
    return rc;
}

int iso15_need_application(struct token *t)
{
    return t->selected ? 0 : iso15_select(t);
}

int iso15_go_to(struct token *t, const struct card_path *path)
{
    struct iso15 *iso = t->priv;
    uint8_t space[2 * CARD_PATH_MAX];
    struct buf whole = BUF_ON(space);
    int rc = iso15_need_application(t);

    if (rc < 0 || path->len == 0 ||
        bytes_equal(iso15_path(path), iso15_path(&iso->current)))
        return rc;
    if (!iso15_is_absolute(iso15_path(path)) && iso->path.len > 0 &&
        (rc = buf_put(&whole, iso15_path(&iso->path))) < 0)
        return rc;
    if ((rc = buf_put(&whole, iso15_path(path))) < 0)
        return rc;
    rc = iso15_is_absolute(buf_view(&whole))
             ? iso15_select_path(t, buf_view(&whole))
             : select_by(t, path->len == 2 ? SELECT_FID : SELECT_PATH,
                         iso15_path(path));
    iso->current = *path;
    return rc;
}

/* The DF of a file with that path is the application's own. */
static bool stays_inside(const struct iso15 *iso, struct bytes path)
{
    return iso->path.len > 0 && path.len == iso->path.len + 2 &&
           bytes_start_with(path, iso15_path(&iso->path));
}

/*
 * In an applet, which stays current whatever is selected in it. To read what
 * is public it need not be selected again if it was current before; if it is
 * not, another says that there is no such file.
 */
static int select_in_applet(struct token *t, struct bytes path)
{
    struct iso15 *iso = t->priv;
    int rc;

    if (!t->selected && iso->left_inside) {
        if ((rc = iso15_select_path(t, path)) == 0)
            return 0;
        iso->left_inside = false;
    }
    rc = iso15_need_application(t);
    return rc < 0 ? rc : iso15_select_path(t, path);
}

int iso15_select_whole(struct token *t, struct bytes path)
{
    struct iso15 *iso = t->priv;
    int rc;

    if (iso->card->aid_len > 0)
        return select_in_applet(t, path);
    t->selected = false;
    rc = iso15_select_path(t, path);
    t->selected = rc == 0 && stays_inside(iso, path);
    iso->current = t->selected ? iso->path : (struct card_path){.len = 0};
    return rc;
}

int iso15_select_file(struct token *t, struct bytes path)
{
    struct iso15 *iso = t->priv;
    uint8_t space[2 * CARD_PATH_MAX];
    struct buf whole = BUF_ON(space);
    int rc;

    if (iso15_is_absolute(path))
        return iso15_select_whole(t, path);
    if (iso->path.len > 0) {
        if ((rc = buf_put(&whole, iso15_path(&iso->path))) < 0 ||
            (rc = buf_put(&whole, path)) < 0)
            return rc;
        return iso15_select_whole(t, buf_view(&whole));
    }
    if ((rc = iso15_need_application(t)) < 0)
        return rc;
    return select_by(t, path.len == 2 ? SELECT_FID : SELECT_PATH, path);
}
