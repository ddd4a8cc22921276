// Guessing encodings: sentences in many languages, in each encoding that they usually come in.
#include "ingest/charset.h"

#include <gtest/gtest.h>
#include <iconv.h>

#include <array>
#include <string>
#include <vector>

#include "base/check.h"
#include "ingest/text.h"

namespace widenet::ingest {
namespace {

std::string encoded(std::string text, const char* charset) {
  const iconv_t converter = iconv_open(charset, "UTF-8");
  WN_CHECK(converter != iconv_t(-1));
  std::string bytes(text.size() * 4 + 16, '\0');
  char* from = text.data();
  char* to = bytes.data();
  size_t from_left = text.size();
  size_t to_left = bytes.size();
  WN_CHECK(iconv(converter, &from, &from_left, &to, &to_left) != size_t(-1));
  WN_CHECK(iconv(converter, nullptr, nullptr, &to, &to_left) != size_t(-1));
  iconv_close(converter);
  bytes.resize(bytes.size() - to_left);
  return bytes;
}

struct Sample {
  const char* text;
  std::vector<const char*> charsets;  // beside UTF-8, UTF-16 and UTF-32, which hold all
};

const std::array kSamples = {
    Sample{"Naïve façade of the café: “prices” rose by 5 € — see the résumé.", {"CP1252"}},
    Sample{"The invoice is due within 30 days; interest is charged at £5 per week.",
           {"CP1252", "ISO-8859-1"}},
    Sample{"Die Rechnung ist in vierzehn Tagen fällig. Für späte Zahlungen berechnen wir Gebühren.",
           {"CP1252", "ISO-8859-1", "ISO-8859-15"}},
    Sample{"La facture doit être réglée dans un délai de trente jours après réception.",
           {"CP1252", "ISO-8859-1"}},
    Sample{"El año pasado la compañía amplió su almacén y contrató a más señores de la región.",
           {"CP1252", "ISO-8859-1"}},
    Sample{"Fakturan ska betalas inom trettio dagar. Försenad betalning medför räntor på åtta.",
           {"CP1252", "ISO-8859-1"}},
    Sample{"Proszę zapłacić fakturę w ciągu czternastu dni. Spóźnione będą obciążone odsetkami.",
           {"CP1250", "ISO-8859-2"}},
    Sample{"Fakturu prosím zaplaťte do čtrnácti dnů. Zpožděné platby budou úročeny podle smlouvy.",
           {"CP1250", "ISO-8859-2"}},
    Sample{"Kérjük, hogy a számlát tizennégy napon belül fizesse ki. A késedelmes fizetésért "
           "kamatot számítunk fel.",
           {"CP1250", "ISO-8859-2"}},
    Sample{"Счёт должен быть оплачен в течение четырнадцати дней.",
           {"CP1251", "KOI8-R", "ISO-8859-5", "CP866"}},
    Sample{"Встреча перенесена на вторник, начало в десять часов.",
           {"CP1251", "KOI8-R", "ISO-8859-5", "CP866"}},
    Sample{"Фактурата трябва да бъде платена в срок от четиринадесет дни.",
           {"CP1251", "ISO-8859-5"}},
    Sample{"Το τιμολόγιο πρέπει να εξοφληθεί εντός δεκατεσσάρων ημερών από την παραλαβή.",
           {"CP1253", "ISO-8859-7"}},
    Sample{"Fatura on dört gün içinde ödenmelidir. Geciken ödemeler için faiz işletilir.",
           {"CP1254", "ISO-8859-9"}},
    Sample{"יש לשלם את החשבונית בתוך ארבעה עשר ימים. על איחור בתשלום תיגבה ריבית לפי החוזה.",
           {"CP1255", "ISO-8859-8"}},
    Sample{"يجب دفع الفاتورة خلال أربعة عشر يوما. يتم احتساب فائدة على المدفوعات المتأخرة.",
           {"CP1256", "ISO-8859-6"}},
    Sample{"Sąskaitą reikia apmokėti per keturiolika dienų. Už pavėluotą mokėjimą skaičiuojami "
           "delspinigiai.",
           {"CP1257"}},
    Sample{"กรุณาชำระเงินตามใบแจ้งหนี้ภายในสิบสี่วัน ขอบคุณครับ", {"TIS-620"}},
    Sample{"請求書は十四日以内にお支払いください。支払いが遅れた場合は利息が発生します。",
           {"CP932", "EUC-JP", "ISO-2022-JP"}},
    Sample{"会議は火曜日に変更になりました。", {"CP932", "EUC-JP", "ISO-2022-JP"}},
    Sample{"Order 4711: ボルト 100個, price 12 EUR. 納期は来週の月曜日です。", {"CP932", "EUC-JP"}},
    Sample{"请在十四天内支付发票。逾期付款将按照合同收取利息。", {"GB18030", "GBK"}},
    Sample{"会议改到星期二上午十点。", {"GB18030", "GB2312"}},
    Sample{"請在十四天內支付發票。逾期付款將按照合約收取利息。", {"BIG5"}},
    Sample{"會議改到星期二上午十點開始。", {"BIG5"}},
    Sample{"송장은 십사 일 이내에 지불해야 합니다. 연체된 금액에는 이자가 부과됩니다.",
           {"EUC-KR", "CP949"}},
    Sample{"회의는 화요일 오전 열 시로 변경되었습니다.", {"EUC-KR"}},
};

TEST(CharsetTest, SentencesAreReadInTheirEncodings) {
  int64_t n_read = 0;
  int64_t n_all = 0;
  for (const Sample& sample : kSamples) {
    std::vector<const char*> charsets = {"UTF-8",  "UTF-16",   "UTF-16LE", "UTF-16BE",
                                         "UTF-32", "UTF-32LE", "UTF-32BE"};
    charsets.insert(charsets.end(), sample.charsets.begin(), sample.charsets.end());
    for (const char* charset : charsets) {
      const DecodedText decoded = decode_text(encoded(sample.text, charset));
      ++n_all;
      n_read += decoded.text == sample.text;
      EXPECT_EQ(decoded.text, sample.text) << charset << " was taken for " << decoded.charset;
    }
  }
  std::printf("%ld of %ld samples\n", n_read, n_all);
}

TEST(CharsetTest, ADeclarationDecidesBeforeAGuess) {
  const std::string bytes = encoded("Встреча", "KOI8-R");
  EXPECT_EQ(decode_text(bytes, "windows-1251").text, "чУФТЕЮБ") << "it says so";
  EXPECT_FALSE(decode_text(bytes, "koi8-r").guessed);
  EXPECT_EQ(declared_charset("<?xml version='1.0' encoding='Shift_JIS'?><a/>"), "shift_jis");
  EXPECT_EQ(declared_charset("<html><meta charset=big5>"), "big5");
  EXPECT_EQ(declared_charset("no encoding=x"), "");
  EXPECT_EQ(decode_text("\x93quoted\x94", "ISO-8859-1").text, "“quoted”")
      << "the name is said of what holds more";
}

TEST(CharsetTest, WhatTellsMayComeLate) {
  const std::string plain(100'000, 'x');
  EXPECT_EQ(likely_charset(plain + encoded(" Встреча перенесена на вторник", "KOI8-R")), "KOI8-R");
  EXPECT_EQ(likely_charset(""), "windows-1252");
}

TEST(CharsetTest, AStrayZeroDoesNotMakeTextWide) {
  using namespace std::string_view_literals;
  EXPECT_EQ(decode_text("abc\0def"sv).charset, "UTF-8");
  EXPECT_EQ(wide_charset_of("a"), nullptr);
  EXPECT_EQ(wide_charset_of(""), nullptr);
}

}  // namespace
}  // namespace widenet::ingest
