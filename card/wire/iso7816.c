/*
 * Commands of ISO 7816-4 (files, security environment) and ISO 7816-8 (PSO).
 */
#include "card/wire/iso7816.h"

#include "card/error.h"
#include "card/object.h"
#include "card/wire/apdu.h"
#include "card/wire/tlv.h"

enum {
    OFFSET_MAX = 0x7FFF, /* READ BINARY, even INS */
    SW_DEACTIVATED = 0x6283,
    SW_FCI_FORMAT = 0x6284
};

uint8_t iso_card_capabilities(struct bytes objects)
{
    struct bytes value;
    uint8_t header;

    while (bytes_take_u8(&objects, &header) &&
           bytes_take(&objects, header & 0x0F, &value))
        if (header == 0x73)
            return value.data[2];
    return 0;
}

/* Exchange, and any status word but 9000 is the error. */
static int command(struct reader *r, const struct apdu *cmd, struct buf *out,
                   const char *doing)
{
    uint16_t sw;
    int rc = apdu_exchange(r, cmd, out, &sw);

    return rc < 0 ? rc : apdu_sw_error(sw, doing);
}

int iso_select(struct reader *r, uint8_t p1, uint8_t p2, struct bytes name,
               struct buf *fcp)
{
    struct apdu cmd = {.ins = INS_SELECT, .p1 = p1, .p2 = p2, .data = name,
                       .le = fcp == NULL ? 0 : APDU_LE_MAX};
    uint16_t sw;
    int rc;

    if ((rc = apdu_exchange(r, &cmd, fcp, &sw)) < 0)
        return rc;
    if (sw == SW_DEACTIVATED || sw == SW_FCI_FORMAT)
        return 0;
    return apdu_sw_error(sw, "select a file");
}

/* One READ BINARY; *end when the file has no more. */
static int read_chunk(struct reader *r, size_t offset, size_t n,
                      struct buf *out, bool *end)
{
    struct apdu cmd = {.ins = INS_READ_BINARY, .p1 = (uint8_t)(offset >> 8),
                       .p2 = (uint8_t)offset, .le = n};
    size_t start = out->len;
    uint16_t sw;
    int rc;

    if (offset > OFFSET_MAX)
        return card_fail(CARD_E_LIMIT, "file goes on past %d bytes",
                         OFFSET_MAX + 1);
    if ((rc = apdu_exchange(r, &cmd, out, &sw)) < 0)
        return rc;
    if (out->len - start > n) {
        out->len = start;
        return card_fail(CARD_E_PROTOCOL,
                         "READ BINARY: more bytes than were asked for");
    }
    *end = sw != SW_OK || out->len - start < n;
    if (sw == SW_END_OF_FILE || sw == SW_WRONG_OFFSET)
        return 0;
    return apdu_sw_error(sw, "read a file");
}

int iso_read_binary(struct reader *r, size_t offset, size_t want, size_t chunk,
                    struct buf *out)
{
    size_t start = out->len;
    bool end = false;
    int rc;

    if (chunk == 0 || chunk > APDU_LE_MAX)
        return card_fail(CARD_E_ARGUMENT, "reading by %zu bytes", chunk);
    while (!end && out->len - start < want) {
        size_t got = out->len - start;
        size_t n = want - got < chunk ? want - got : chunk;

        if ((rc = read_chunk(r, offset + got, n, out, &end)) < 0)
            return rc;
    }
    return 0;
}

int iso_read_file(struct reader *r, size_t chunk, struct buf *out)
{
    size_t room = out->cap - out->len;

    return iso_read_binary(r, 0, room < CARD_MAX_FILE ? room : CARD_MAX_FILE,
                           chunk, out);
}

/* Length of the DER object that starts with `head`, the start of a file. */
static int der_len(struct bytes head, size_t *len)
{
    /* 00 and FF are what an empty file is filled with */
    if (head.len == 0 || head.data[0] == 0x00 || head.data[0] == 0xFF ||
        !tlv_whole_len(head, len))
        return card_fail(CARD_E_PROTOCOL, "the file holds no DER object");
    if (*len > CARD_MAX_FILE)
        return card_fail(CARD_E_LIMIT, "object of %zu bytes in a file", *len);
    return 0;
}

int iso_read_der(struct reader *r, size_t offset, size_t chunk,
                 struct buf *out)
{
    size_t start = out->len;
    size_t room = out->cap - start;
    size_t got, len = 0;
    int rc;

    rc = iso_read_binary(r, offset, room < chunk ? room : chunk, chunk, out);
    if (rc < 0)
        return rc;
    got = out->len - start;
    if ((rc = der_len(bytes_from(out->data + start, got), &len)) < 0)
        return rc;
    if (len > room)
        return card_fail(CARD_E_BUFFER, "object of %zu bytes, room for %zu",
                         len, room);
    if (len > got) {
        rc = iso_read_binary(r, offset + got, len - got, chunk, out);
        if (rc < 0)
            return rc;
    }
    if (out->len - start < len)
        return card_fail(CARD_E_PROTOCOL,
                         "file ends after %zu of the object's %zu bytes",
                         out->len - start, len);
    out->len = start + len;
    return 0;
}

int iso_get_data(struct reader *r, uint16_t file, struct bytes header,
                 struct buf *out)
{
    struct apdu cmd = {.ins = INS_GET_DATA_ODD, .p1 = (uint8_t)(file >> 8),
                       .p2 = (uint8_t)file, .data = header,
                       .le = APDU_LE_MAX};

    return command(r, &cmd, out, "get data");
}

int iso_mse_set(struct reader *r, uint8_t p1, uint8_t crt, struct bytes body)
{
    struct apdu cmd = {.ins = INS_MSE, .p1 = p1, .p2 = crt, .data = body};

    return command(r, &cmd, NULL, "set the security environment");
}

int iso_internal_authenticate(struct reader *r, struct bytes challenge,
                              size_t le, struct buf *out)
{
    struct apdu cmd = {.ins = INS_INTERNAL_AUTHENTICATE, .data = challenge,
                       .le = le};

    return command(r, &cmd, out, "internal authenticate");
}

int iso_pso_sign(struct reader *r, struct bytes input, size_t le,
                 struct buf *sig)
{
    struct apdu cmd = {.ins = INS_PSO, .p1 = 0x9E, .p2 = 0x9A, .data = input,
                       .le = le};

    return command(r, &cmd, sig, "compute digital signature");
}

int iso_pso_hash(struct reader *r, struct bytes tlvs)
{
    struct apdu cmd = {.ins = INS_PSO, .p1 = 0x90, .p2 = 0xA0, .data = tlvs};

    return command(r, &cmd, NULL, "hash");
}

int iso_pso_hash_rest(struct reader *r, const struct sha_midstate *midstate)
{
    uint8_t state_space[sizeof(midstate->state) + 8], space[128];
    struct buf state = BUF_ON(state_space), tlvs = BUF_ON(space);
    int rc = 0;

    if (midstate->bits > 0) {
        rc = buf_put(&state,
                     bytes_from(midstate->state, hash_len(midstate->hash)));
        for (int shift = 56; rc == 0 && shift >= 0; shift -= 8)
            rc = buf_put_u8(&state, (uint8_t)(midstate->bits >> shift));
    }
    if (rc < 0 || (rc = tlv_put(&tlvs, 0x90, buf_view(&state))) < 0 ||
        (rc = tlv_put(&tlvs, 0x80,
                      bytes_from(midstate->last, midstate->last_len))) < 0)
        return rc;
    return iso_pso_hash(r, buf_view(&tlvs));
}

int iso_pso_decipher(struct reader *r, uint8_t indicator,
                     struct bytes cryptogram, size_t le, struct buf *plain)
{
    uint8_t raw[1 + CARD_MAX_SIGNATURE];
    struct buf data = BUF_ON(raw);
    struct apdu cmd = {.ins = INS_PSO, .p1 = 0x80, .p2 = 0x86, .le = le};
    int rc;

    if ((rc = buf_put_u8(&data, indicator)) < 0 ||
        (rc = buf_put(&data, cryptogram)) < 0)
        return rc;
    cmd.data = buf_view(&data);
    rc = command(r, &cmd, plain, "decipher");
    /* 63Cx and 6983 are a word on the cryptogram: no PIN was presented */
    return rc == CARD_E_PIN_WRONG || rc == CARD_E_PIN_LOCKED ? CARD_E_STATUS
                                                             : rc;
}
