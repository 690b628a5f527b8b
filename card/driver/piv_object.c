/*
 * Objects of PIV cards and how they are asked for: GET DATA (SP 800-73-4 part
 * 2, 3.1.2), certificates, compressed or kept from an earlier run, the key
 * history.
 */
#include "card/driver/piv.h"

#include "card/base/cache.h"
#include "card/base/inflate.h"
#include "card/wire/iso7816.h"
#include "card/wire/tlv.h"

enum {
    CERT_COMPRESSED = 0x01, /* CertInfo */
    START_MIN = 0xF0, /* bytes of an object that tell it from another */
    SW_WRONG_DATA = 0x6A80
};

/* ---- commands ------------------------------------------------------------ */

bool piv_refused(int rc)
{
    return apdu_refused(rc) || rc == CARD_E_LOGIN;
}

int piv_select(struct token *t)
{
    int rc = iso_select(t->reader, SELECT_NAME, 0, BYTES_OF(piv_aid),
                        NULL);

    t->selected = rc == 0;
    return rc;
}

/* An object that is not there: 6A82, but 6A80 or 6A86 on some cards. */
static bool says_absent(const struct apdu *cmd, uint16_t sw)
{
    return cmd->ins == INS_GET_DATA_ODD &&
           (sw == SW_WRONG_DATA || sw == SW_WRONG_P1P2);
}

static int command(struct token *t, const struct apdu *cmd, struct buf *out,
                   const char *doing)
{
    size_t start = out->len;
    uint16_t sw;
    int rc = apdu_exchange(t->reader, cmd, out, &sw);

    if (rc == 0)
        rc = apdu_sw_error(says_absent(cmd, sw) ? SW_FILE_NOT_FOUND : sw,
                           doing);
    if (rc < 0)
        out->len = start;
    return rc;
}

int piv_command(struct token *t, const struct apdu *cmd, piv_proof_fn *proof,
                struct buf *out, const char *doing)
{
    size_t start = out->len;
    int rc = command(t, cmd, out, doing);

    if (t->selected || (rc < 0 && !piv_refused(rc)))
        return rc;
    if (rc == 0 && proof(bytes_from(out->data + start, out->len - start))) {
        t->selected = true;
        return 0;
    }
    out->len = start;
    return (rc = piv_select(t)) < 0 ? rc : command(t, cmd, out, doing);
}

/* ---- objects ------------------------------------------------------------- */

bool piv_open_object(struct bytes answer, struct bytes *content)
{
    uint8_t tag, len;
    struct bytes more;

    *content = answer;
    return bytes_take_u8(content, &tag) && tag == 0x53 &&
           bytes_take_u8(content, &len) &&
           (len < 0x80 || bytes_take(content, len & 0x7F, &more));
}

static bool is_object(struct bytes answer)
{
    struct bytes content;

    return piv_open_object(answer, &content);
}

int piv_get_data(struct token *t, struct bytes tag, bool first_part,
                 piv_proof_fn *proof, struct buf *out)
{
    uint8_t space[8];
    struct buf list = BUF_ON(space);
    struct apdu cmd = {.ins = INS_GET_DATA_ODD, .p1 = 0x3F, .p2 = 0xFF,
                       .le = first_part ? APDU_LE_MAX : CARD_MAX_FILE,
                       .first_part = first_part};
    int rc = tlv_put(&list, 0x5C, tag);

    if (rc < 0)
        return rc;
    cmd.data = buf_view(&list);
    return piv_command(t, &cmd, proof, out, "read an object");
}

int piv_get_object(struct token *t, uint8_t object, bool first_part,
                   struct buf *out)
{
    const uint8_t tag[] = {0x5F, 0xC1, object};

    return piv_get_data(t, BYTES_OF(tag), first_part, is_object, out);
}

/* ---- certificates -------------------------------------------------------- */

static unsigned count_of(struct bytes history, uint32_t tag)
{
    const uint32_t path[] = {0x53, tag, 0};
    struct tlv count;
    uint32_t n;

    return tlv_find_path(history, path, &count) &&
           tlv_unsigned(count.value, &n) && n <= PIV_RETIRED_COUNT ? n : 0;
}

/*
 * Keys whose certificates are on the card, and those elsewhere. PivApplet
 * counts none even where there are some.
 */
static int read_history(struct token *t)
{
    struct piv *piv = t->priv;
    uint8_t space[APDU_LE_MAX];
    struct buf object = BUF_ON(space);
    int rc = piv_get_object(t, OBJECT_KEY_HISTORY, true, &object);

    if (rc < 0 && !piv_refused(rc))
        return rc;
    piv->history_read = true;
    if (rc == 0)
        piv->retired = count_of(buf_view(&object), 0xC1) +
                       count_of(buf_view(&object), 0xC2);
    piv->retired_known = piv->retired > 0;
    return 0;
}

/* Slots are filled from the first on: behind an empty one are no others. */
static int count_retired(struct token *t, unsigned wanted)
{
    struct piv *piv = t->priv;
    uint8_t space[APDU_LE_MAX];

    while (!piv->retired_known && piv->retired < wanted) {
        struct buf object = BUF_ON(space);
        int rc = piv_get_object(t, (uint8_t)(OBJECT_RETIRED + piv->retired),
                                true, &object);

        if (rc < 0 && !piv_refused(rc))
            return rc;
        if (rc == 0)
            piv->retired++;
        else
            piv->retired_known = true;
    }
    return 0;
}

int piv_check_retired(struct token *t, uint8_t slot)
{
    const struct piv *piv = t->priv;
    unsigned number = (unsigned)slot - PIV_RETIRED + 1U;
    int rc;

    if (slot < PIV_RETIRED || number > PIV_RETIRED_COUNT)
        return 0;
    if (!piv->history_read && (rc = read_history(t)) < 0)
        return rc;
    if ((rc = count_retired(t, number)) < 0)
        return rc;
    if (number <= piv->retired)
        return 0;
    return card_fail(CARD_E_NOT_FOUND, "the card has %u retired keys",
                     piv->retired);
}

/*
 * A card does not tell when it was last changed. So of an object that was kept
 * its start is read again: it holds a certificate's number, issuer and dates.
 * Not all cards fill an answer: PivApplet gives 255 bytes of 256.
 */
static int confirm_kept(struct token *t, uint8_t object, struct bytes kept,
                        struct buf *out)
{
    size_t whole = 0;
    int rc = piv_get_object(t, object, true, out);

    if (rc < 0 || (tlv_whole_len(buf_view(out), &whole) && whole == out->len))
        return rc;
    if (out->len >= START_MIN && whole == kept.len &&
        bytes_start_with(kept, buf_view(out))) {
        out->len = 0;
        return buf_put(out, kept);
    }
    out->len = 0;
    return piv_get_object(t, object, false, out);
}

/* `out` is empty. */
static int read_cert_object(struct token *t, const struct card_path *path,
                            struct buf *out)
{
    struct bytes name = bytes_from(path->data, path->len), kept;
    uint8_t object = path->data[2];
    int rc;

    cache_card_confirm(t->cache, bytes_from(NULL, 0));
    rc = cache_card_find(t->cache, name, &kept)
             ? confirm_kept(t, object, kept, out)
             : piv_get_object(t, object, false, out);
    if (rc == CARD_E_NOT_FOUND)
        cache_card_forget(t->cache);
    if (rc == 0)
        cache_card_keep(t->cache, name, buf_view(out));
    return rc;
}

/* Without what fills the object up behind the certificate. */
static int put_plain(struct bytes der, struct buf *out)
{
    struct tlv cert;

    if (!tlv_next_is(&der, 0x30, &cert))
        return card_fail(CARD_E_PROTOCOL, "the object holds no certificate");
    return buf_put(out, cert.whole);
}

/* 70 certificate, 71 how it is compressed. A certificate deleted is 53 00. */
static int unpack_cert(struct bytes object, struct buf *der)
{
    struct bytes cursor = object;
    struct tlv content, cert, info;

    if (!tlv_next_is(&cursor, 0x53, &content))
        return card_fail(CARD_E_PROTOCOL, "the object is malformed");
    if (content.value.len == 0 ||
        (tlv_find(content.value, 0x70, &cert) && cert.value.len == 0))
        return card_fail(CARD_E_NOT_FOUND, "the object is empty");
    if (!tlv_find(content.value, 0x70, &cert))
        return card_fail(CARD_E_PROTOCOL, "the object holds no certificate");
    if (tlv_find(content.value, 0x71, &info) && info.value.len == 1 &&
        (info.value.data[0] & CERT_COMPRESSED) != 0)
        return inflate_gzip(cert.value, der);
    return put_plain(cert.value, der);
}

int piv_read_cert(struct token *t, const struct card_cert_info *cert,
                  struct buf *der)
{
    uint8_t slot = t->keys[cert - t->certs].ref;
    struct buf object;
    int rc;

    if ((rc = piv_check_retired(t, slot)) < 0 ||
        (rc = buf_new(&object, CARD_MAX_FILE)) < 0)
        return rc;
    if ((rc = read_cert_object(t, &cert->path, &object)) == 0)
        rc = unpack_cert(buf_view(&object), der);
    buf_free(&object);
    return rc;
}
