/* SPDX-License-Identifier: MIT */
/*
 * Base64, RFC 4648 section 4: bytes that JSON cannot carry.
 */
#include "monitor/both.h"

#include <errno.h>
#include <string.h>

static const char digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void mon_base64_encode(const void *p, size_t n, struct strbuf *out)
{
	const u8 *b = p;

	for (size_t i = 0; i < n; i += 3) {
		const size_t k = n - i;
		const u32 v = (u32)b[i] << 16 |
			      (k > 1 ? (u32)b[i + 1] << 8 : 0) |
			      (k > 2 ? b[i + 2] : 0);

		strbuf_addc(out, digits[v >> 18]);
		strbuf_addc(out, digits[v >> 12 & 63]);
		strbuf_addc(out, k > 1 ? digits[v >> 6 & 63] : '=');
		strbuf_addc(out, k > 2 ? digits[v & 63] : '=');
	}
}

int mon_base64_decode(const char *p, size_t n, struct strbuf *out,
		      struct err *e)
{
	u32 v = 0;
	unsigned bits = 0, pad = 0;

	for (size_t i = 0; i < n; i++) {
		const char *d = p[i] ? strchr(digits, p[i]) : NULL;

		if (p[i] == '\n' || p[i] == '\r')
			continue;
		if (p[i] == '=')
			pad++;
		if (p[i] == '=' && pad <= 2)
			continue;
		if (!d || pad)
			return err_set(e, -EINVAL, "Base64 data is not valid");
		v = v << 6 | (u32)(d - digits);
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			strbuf_addc(out, (char)(v >> bits));
		}
	}
	return 0;
}
