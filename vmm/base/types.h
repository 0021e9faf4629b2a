/* SPDX-License-Identifier: MIT */
/*
 * The scalar types and the few macros every file may use.
 *
 * Room:     leaf of leaves; libc only.
 * Never:    control flow in a macro, anything that allocates.
 */
#ifndef MOTE_BASE_TYPES_H
#define MOTE_BASE_TYPES_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef uint8_t  u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t   s8;
typedef int16_t  s16;
typedef int32_t  s32;
typedef int64_t  s64;

typedef u64 gpa_t;                     /* guest physical address */
typedef u64 gva_t;                     /* guest linear address   */

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(p, type, member) \
	((type *)(void *)((char *)(p) - offsetof(type, member)))

#define BIT(n)       (1u << (n))
#define BIT64(n)     (1ull << (n))
#define KiB          1024ull
#define MiB          (1024ull * KiB)
#define GiB          (1024ull * MiB)
#define MIN(a, b)    ((a) < (b) ? (a) : (b))
#define MAX(a, b)    ((a) > (b) ? (a) : (b))
#define ALIGN_DOWN(x, a) ((x) & ~((__typeof__(x))(a) - 1))
#define ALIGN_UP(x, a)   ALIGN_DOWN((x) + ((a) - 1), a)

#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define UNUSED            __attribute__((unused))
#define EXPORT            __attribute__((visibility("default")))

#define PAGE_SHIFT 12
#define PAGE_SIZE  4096u

#endif
