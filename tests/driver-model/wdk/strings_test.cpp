// SPDX-License-Identifier: Apache-2.0
// Counted strings, strings that end within their buffers, the kernel's printf into buffers.
#include "ntstrsafe.h"
#include "tests/driver-model/wdk/kernel_test.h"

namespace {

using ::testing::HasSubstr;
using StringsTest = gpudmar::test::KernelTest;
using Wide = std::basic_string<WCHAR>;

TEST_F(StringsTest, CountedStringsAreInitialized) {
  ANSI_STRING ansi;
  RtlInitAnsiString(&ansi, "abc");
  EXPECT_EQ(ansi.Length, 3u);
  EXPECT_EQ(ansi.MaximumLength, 4u);
  RtlInitString(&ansi, nullptr);
  EXPECT_EQ(ansi.MaximumLength, 0u);
  const Wide most(32766, u'x'), more(32767, u'x');
  UNICODE_STRING text;
  EXPECT_EQ(RtlInitUnicodeStringEx(&text, most.c_str()), STATUS_SUCCESS);
  EXPECT_EQ(text.Length, 65532u);
  EXPECT_EQ(text.MaximumLength, 65534u);
  EXPECT_EQ(RtlInitUnicodeStringEx(&text, more.c_str()), STATUS_NAME_TOO_LONG);
  EXPECT_EQ(RtlInitAnsiStringEx(&ansi, std::string(70000, 'x').c_str()), STATUS_NAME_TOO_LONG);
  WCHAR buffer[4];
  RtlInitEmptyUnicodeString(&text, buffer, sizeof buffer);
  EXPECT_EQ(text.Length, 0u);
  EXPECT_EQ(text.MaximumLength, 8u);
}

TEST_F(StringsTest, CountedStringsAreCopiedAndAppendedWithinTheirRoom) {
  DECLARE_UNICODE_STRING_SIZE(text, 5);
  UNICODE_STRING source;
  RtlInitUnicodeString(&source, u"abc");
  RtlCopyUnicodeString(&text, &source);
  EXPECT_EQ(text.Length, 6u);
  EXPECT_EQ(text.Buffer[3], 0);
  EXPECT_EQ(RtlAppendUnicodeToString(&text, u"de"), STATUS_SUCCESS) << "without a terminator";
  EXPECT_EQ(RtlAppendUnicodeToString(&text, u"f"), STATUS_BUFFER_TOO_SMALL);
  EXPECT_EQ(Wide(text.Buffer, 5), u"abcde");
  EXPECT_EQ(RtlAppendUnicodeStringToString(&source, &text), STATUS_BUFFER_TOO_SMALL);
  RtlInitUnicodeString(&source, u"123456789");
  RtlCopyUnicodeString(&text, &source);
  EXPECT_EQ(Wide(text.Buffer, text.Length / 2), u"12345") << "cut off";
  text.MaximumLength = 9;
  RtlCopyUnicodeString(&text, &source);
  EXPECT_EQ(text.Length, 8u) << "no half character";
  RtlCopyUnicodeString(&text, nullptr);
  EXPECT_EQ(text.Length, 0u);
}

TEST_F(StringsTest, CountedStringsCompare) {
  UNICODE_STRING a, b;
  RtlInitUnicodeString(&a, u"Gr\u00F6\u00DFe");
  RtlInitUnicodeString(&b, u"gR\u00D6\u00DFE");
  EXPECT_FALSE(RtlEqualUnicodeString(&a, &b, FALSE));
  EXPECT_TRUE(RtlEqualUnicodeString(&a, &b, TRUE));
  EXPECT_LT(RtlCompareUnicodeString(&a, &b, FALSE), 0);
  b.Length -= 2;
  EXPECT_GT(RtlCompareUnicodeString(&a, &b, TRUE), 0);
  EXPECT_FALSE(RtlEqualUnicodeString(&a, &b, TRUE));
  const gpudmar::wdk::IrqlRaise raised(runtime, APC_LEVEL);
  EXPECT_THAT(told([&] { RtlEqualUnicodeString(&a, &b, TRUE); }),
              HasSubstr("RtlEqualUnicodeString at IRQL 1"));
}

TEST_F(StringsTest, CopiesEndWithinTheirBuffer) {
  char buffer[6] = "xxxxx";
  EXPECT_EQ(RtlStringCbCopyA(buffer, sizeof buffer, "abcde"), STATUS_SUCCESS);
  EXPECT_STREQ(buffer, "abcde");
  EXPECT_EQ(RtlStringCchCopyA(buffer, 4, "abcde"), STATUS_BUFFER_OVERFLOW);
  EXPECT_STREQ(buffer, "abc");
  EXPECT_EQ(RtlStringCchCopyA(buffer, 0, "abcde"), STATUS_INVALID_PARAMETER);
  EXPECT_EQ(RtlStringCchCopyA(buffer, SIZE_T{NTSTRSAFE_MAX_CCH} + 1, "abcde"), STATUS_INVALID_PARAMETER);
  EXPECT_EQ(RtlStringCchCopyNA(buffer, 6, "abcdefgh", 2), STATUS_SUCCESS);
  EXPECT_STREQ(buffer, "ab");
  EXPECT_EQ(RtlStringCbCatA(buffer, sizeof buffer, "cde"), STATUS_SUCCESS);
  EXPECT_EQ(RtlStringCbCatA(buffer, sizeof buffer, "f"), STATUS_BUFFER_OVERFLOW);
  EXPECT_STREQ(buffer, "abcde");
  EXPECT_EQ(RtlStringCbCatA(buffer, 5, "f"), STATUS_INVALID_PARAMETER) << "no terminator in there";
  WCHAR wide[4];
  EXPECT_EQ(RtlStringCbCopyW(wide, 7, u"abc"), STATUS_BUFFER_OVERFLOW) << "three characters";
  EXPECT_EQ(Wide(wide), u"ab");
  EXPECT_EQ(RtlStringCbCopyNW(wide, sizeof wide, u"xyz", 2), STATUS_SUCCESS);
  EXPECT_EQ(RtlStringCchCatNW(wide, 4, u"1234", 2), STATUS_SUCCESS);
  EXPECT_EQ(Wide(wide), u"x12");
}

TEST_F(StringsTest, LengthsEndAtTheLimit) {
  size_t length = 99;
  EXPECT_EQ(RtlStringCbLengthA("abc", 4, &length), STATUS_SUCCESS);
  EXPECT_EQ(length, 3u);
  EXPECT_EQ(RtlStringCbLengthA("abc", 3, &length), STATUS_INVALID_PARAMETER);
  EXPECT_EQ(length, 0u);
  EXPECT_EQ(RtlStringCbLengthW(u"abc", 8, &length), STATUS_SUCCESS);
  EXPECT_EQ(length, 6u);
  EXPECT_EQ(RtlStringCchLengthW(u"abc", 4, nullptr), STATUS_SUCCESS);
  EXPECT_EQ(RtlStringCchLengthA(nullptr, 4, &length), STATUS_INVALID_PARAMETER);
}

TEST_F(StringsTest, PrintfKnowsTheKernelsFormats) {
  char text[80];
  UNICODE_STRING unicode;
  RtlInitUnicodeString(&unicode, u"uni\u20AC");
  ANSI_STRING ansi;
  RtlInitAnsiString(&ansi, "ansi");
  EXPECT_EQ(
      RtlStringCbPrintfA(text, sizeof text, "%wZ|%Z|%ws|%S|%hs|%c%C|%I64X|%08lx|%-4d|%+.3d|%p", &unicode,
                         &ansi, u"w", u"S", "h", 'c', u'C', 0xABCDEF0123ull, 0x1Fu, 7, 5, nullptr),
      STATUS_SUCCESS);
  EXPECT_STREQ(text, "uni?|ansi|w|S|h|cC|ABCDEF0123|0000001f|7   |+005|0000000000000000");
  EXPECT_EQ(RtlStringCchPrintfA(text, 80, "%5s|%-5s|%.2s|%*d|%hd|%u%%", "ab", "ab", "abc", 4, 7, 0x1FFFF, 3u),
            STATUS_SUCCESS);
  EXPECT_STREQ(text, "   ab|ab   |ab|   7|-1|3%");
  EXPECT_EQ(RtlStringCchPrintfA(text, 4, "%d", 12345), STATUS_BUFFER_OVERFLOW);
  EXPECT_STREQ(text, "123");
  EXPECT_EQ(RtlStringCchPrintfA(text, 0, "x"), STATUS_INVALID_PARAMETER);
  WCHAR wide[16];
  EXPECT_EQ(RtlStringCbPrintfW(wide, sizeof wide, u"%s|%S|%Z|%#x", u"\u20AC", "n", &unicode, 16),
            STATUS_SUCCESS);
  EXPECT_EQ(Wide(wide), u"\u20AC|n|uni\u20AC|0x10");
  EXPECT_EQ(RtlStringCbPrintfW(wide, 6, u"%d", 123), STATUS_BUFFER_OVERFLOW);
  EXPECT_EQ(Wide(wide), u"12");
  const gpudmar::wdk::IrqlRaise raised(runtime, DISPATCH_LEVEL);
  EXPECT_THAT(told([&] { RtlStringCbPrintfA(text, sizeof text, "x"); }),
              HasSubstr("RtlStringCbPrintfA at IRQL 2, allowed up to 0"));
  EXPECT_EQ(RtlStringCbCopyA(text, sizeof text, "any level"), STATUS_SUCCESS);
}

}  // namespace
