#include "ingest/charset.h"

#include <unicode/uchar.h>
#include <unicode/ucsdet.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>

#include "ingest/text.h"

namespace widenet::ingest {
namespace {

constexpr size_t kSniffedBytes = 16 << 10;
constexpr double kScoreMin = 0.0;     // below it no language fits
constexpr double kMargin = 0.02;      // by which a later entry of the table must be better
constexpr double kImpossible = -5.0;  // a byte that the charset does not have
constexpr double kUnfamiliar = -0.5;
constexpr double kWitness = 0.3;  // what ICU's full confidence adds

// A language's letters outside ASCII, the most frequent first, and a charset that has them.
struct Language {
  const char* charset;
  const char* letters;
};

constexpr const char* kCyrillic = "оаеинтсрвлкмдпуяыьгзбчйъхжшюцщэфіїєґё";
constexpr const char* kGreek = "αοιετνσρκπμςλυάγηίδέόωχθφήώύβξζψϊϋ";
constexpr const char* kHebrew = "יוהלרתבאשמםנןחדקפעגצטכסךףזץ";
constexpr const char* kArabic = "ايلنمتروبةعدفسهكقحأجشصطخذزضثىءئغظآإؤ";
constexpr const char* kThai = "านรอกเงม่ี้ัยลวดทสตปบิุคหพจชะึู์แไ็ข็ำใถธโืผซภณญศษฐฉฎๆ";

// What decodes alike is told apart by the order: the earlier one wins.
constexpr Language kLanguages[] = {
    {"windows-1252", "éèàêçâùûîôëïœæüÿ"},      // French
    {"windows-1252", "äöüßéè"},                // German
    {"windows-1252", "áéíóúñüçãõâêôà"},        // Spanish, Portuguese
    {"windows-1252", "àèéìòù"},                // Italian
    {"windows-1252", "åäöæøéüèá"},             // Swedish, Danish, Norwegian
    {"windows-1252", "áéíóúýðþæö"},            // Icelandic
    {"windows-1250", "ąęółśżćńź"},             // Polish
    {"ISO-8859-2", "ąęółśżćńź"},               //
    {"windows-1250", "áíéěšřčýžůúňťďóľäôĺŕ"},  // Czech, Slovak
    {"ISO-8859-2", "áíéěšřčýžůúňťďóľäôĺŕ"},    //
    {"windows-1250", "áéöóőüíúű"},             // Hungarian
    {"windows-1250", "ăâîşţ"},                 // Romanian
    {"ISO-8859-2", "ăâîşţ"},                   //
    {"windows-1250", "čšžćđ"},                 // Croatian, Slovene
    {"ISO-8859-2", "čšžćđ"},                   //
    {"windows-1254", "ıüşğçöâî"},              // Turkish
    {"windows-1257", "ąčęėįšųūž"},             // Lithuanian
    {"windows-1257", "āčēģīķļņšūž"},           // Latvian
    {"windows-1251", kCyrillic},
    {"KOI8-R", kCyrillic},
    {"ISO-8859-5", kCyrillic},
    {"IBM866", kCyrillic},
    {"IBM855", kCyrillic},
    {"x-mac-cyrillic", kCyrillic},
    {"windows-1253", kGreek},
    {"ISO-8859-7", kGreek},
    {"windows-1255", kHebrew},
    {"windows-1256", kArabic},
    {"ISO-8859-6", kArabic},
    {"windows-874", kThai},
};

// --- charsets of one byte a character

// Typography that any language has.
bool is_usual_sign(UChar32 c) {
  return c == 0xA0 || c == 0xA7 || c == 0xAB || c == 0xBB || c == 0xB0 || c == 0xA9 || c == 0xAE ||
         c == 0xA3 || c == 0xB7 || c == 0x20AC || c == 0x2116 || c == 0x2122 ||
         (c >= 0x2010 && c <= 0x203A);
}

// A letter is worth the more, the more usual it is.
class Alphabet {
 public:
  explicit Alphabet(const char* letters) {
    const icu::UnicodeString order = icu::UnicodeString::fromUTF8(letters);
    is_latin_ = order.charAt(0) < 0x250;
    for (int32_t i = 0; i < order.length(); ++i) {
      const int32_t rank = i / std::max(8, order.length() / 4);
      const double worth = is_latin_ || rank == 0 ? 1.0 : std::max(1.0 - 0.4 * rank, 0.0);
      worth_.try_emplace(order.charAt(i), worth);
    }
  }

  bool is_latin() const { return is_latin_; }
  double worth(UChar32 c) const {
    const auto found = worth_.find(u_tolower(c));
    return found == worth_.end() ? kUnfamiliar : found->second;
  }

 private:
  std::map<UChar32, double> worth_;
  bool is_latin_ = false;
};

double score_of(UChar32 before, UChar32 c, UChar32 after, const Alphabet& alphabet) {
  const bool is_letter = u_isalpha(c) || u_charType(c) == U_NON_SPACING_MARK;
  const bool in_word = u_isalpha(before) || u_isalpha(after);
  if (c == 0xFFFD || !u_isdefined(c) || (c >= 0x80 && c < 0xA0) ||
      u_charType(c) == U_PRIVATE_USE_CHAR) {
    return kImpossible;
  }
  if (!is_letter) {
    const bool within_word = u_isalpha(before) && u_isalpha(after) && c != 0x2019 && c != 0xB7;
    return within_word ? -2.0 : is_usual_sign(c) ? 0.0 : -0.5;
  }
  if (!in_word) return -0.3;
  const auto is_ascii_letter = [](UChar32 other) { return other < 0x80 && u_isalpha(other); };
  if (!alphabet.is_latin() && (is_ascii_letter(before) || is_ascii_letter(after))) return -1.0;
  // Latin languages have plain letters between the others.
  if (alphabet.is_latin() && before >= 0x80 && u_isalpha(before)) return kUnfamiliar;
  if (u_isupper(c) && u_islower(before)) return -1.5;
  return alphabet.worth(c) * (u_isupper(c) && u_isupper(before) ? 0.5 : 1.0);
}

double score_of(const icu::UnicodeString& text, const Alphabet& alphabet) {
  double sum = 0;
  int64_t count = 0;
  for (int32_t i = 0; i < text.length(); ++i) {
    if (text.charAt(i) < 0x80) continue;
    ++count;
    sum += score_of(i > 0 ? text.charAt(i - 1) : u' ', text.charAt(i),
                    i + 1 < text.length() ? text.charAt(i + 1) : u' ', alphabet);
  }
  return count == 0 ? 0 : sum / static_cast<double>(count);
}

// --- charsets of two bytes a character: judged by the rows of their tables, which are ordered by
// use

struct Pair {
  uint8_t lead;
  uint8_t trail;
  bool in(uint8_t first, uint8_t last) const { return lead >= first && lead <= last; }
};

double score_shift_jis(const Pair& pair) {
  const bool has_trail = pair.trail >= 0x40 && pair.trail <= 0xFC && pair.trail != 0x7F;
  if (!has_trail || pair.lead == 0x80 || pair.lead == 0xA0 || pair.lead > 0xFC) return kImpossible;
  if (pair.lead == 0x82 || pair.lead == 0x83) return 1.0;  // kana
  if (pair.lead == 0x81) return 0.5;
  return pair.in(0x88, 0x97) ? 0.8 : pair.lead > 0xEA ? -1.0 : 0.0;
}

double score_euc_jp(const Pair& pair) {
  if (pair.trail < 0xA1 || pair.trail == 0xFF || pair.lead < 0x8E) return kImpossible;
  if (pair.lead == 0xA4 || pair.lead == 0xA5) return 1.0;  // kana
  if (pair.lead == 0xA1) return 0.5;
  return pair.in(0xB0, 0xCF) ? 0.8 : pair.in(0xD0, 0xF4) || pair.lead == 0xA3 ? 0.0 : -1.0;
}

double score_gb(const Pair& pair) {
  const bool is_pair = pair.lead != 0x80 && pair.lead != 0xFF && pair.trail >= 0x40 &&
                       pair.trail != 0x7F && pair.trail != 0xFF;
  if (!is_pair) return kImpossible;
  if (pair.trail < 0xA1 || !pair.in(0xA1, 0xF7)) return -0.5;  // what GB 2312 did not have
  if (pair.in(0xB0, 0xD7)) return 0.9;
  return pair.in(0xA4, 0xA9) ? -1.0 : pair.lead <= 0xA3 ? 0.5 : -0.3;
}

double score_big5(const Pair& pair) {
  const bool has_trail =
      (pair.trail >= 0x40 && pair.trail <= 0x7E) || (pair.trail >= 0xA1 && pair.trail <= 0xFE);
  if (!has_trail || !pair.in(0xA1, 0xF9)) return kImpossible;
  if (pair.in(0xA4, 0xC6)) return pair.trail < 0x80 ? 1.2 : 0.7;  // only Big5 has the low trails
  return pair.lead < 0xA4 ? 0.3 : -0.5;
}

double score_euc_kr(const Pair& pair) {
  if (pair.lead < 0x81 || pair.lead == 0xFF || pair.trail < 0x41) return kImpossible;
  if (pair.trail < 0xA1 || pair.lead < 0xA1) return -0.5;  // windows-949's rare syllables
  if (pair.in(0xB0, 0xC8)) return 1.0;
  return pair.lead < 0xA4 ? 0.3 : -1.0;  // hanja and Greek
}

double score_of(std::string_view bytes, double (*score)(const Pair& pair), bool is_shift_jis) {
  double sum = 0;
  int64_t count = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const auto lead = static_cast<uint8_t>(bytes[i]);
    if (lead < 0x80) continue;
    ++count;
    if (is_shift_jis && lead >= 0xA1 && lead <= 0xDF) {  // half-width kana, one byte each
      sum -= 0.7;
      continue;
    }
    if (i + 1 == bytes.size()) break;  // cut
    sum += score({lead, static_cast<uint8_t>(bytes[++i])});
  }
  return count == 0 ? 0 : sum / static_cast<double>(count);
}

struct PairCharset {
  const char* charset;
  double (*score)(const Pair& pair);
};
constexpr PairCharset kPairCharsets[] = {{"Shift_JIS", score_shift_jis},
                                         {"EUC-JP", score_euc_jp},
                                         {"EUC-KR", score_euc_kr},
                                         {"GB18030", score_gb},
                                         {"Big5", score_big5}};

// --- ICU's detector

// Its confidences by charset, of 100.
std::map<std::string, int32_t> confidences(std::string_view bytes) {
  std::map<std::string, int32_t> confidences;
  UErrorCode status = U_ZERO_ERROR;
  const std::unique_ptr<UCharsetDetector, decltype(&ucsdet_close)> detector(ucsdet_open(&status),
                                                                            &ucsdet_close);
  ucsdet_setText(detector.get(), bytes.data(), static_cast<int32_t>(bytes.size()), &status);
  int32_t count = 0;
  const UCharsetMatch** matches = ucsdet_detectAll(detector.get(), &count, &status);
  for (int32_t i = 0; U_SUCCESS(status) && i < count; ++i) {
    std::string name = ucsdet_getName(matches[i], &status);
    if (name == "ISO-8859-1") name = "windows-1252";  // what it is mostly called
    if (name == "ISO-8859-9") name = "windows-1254";
    confidences.try_emplace(name, ucsdet_getConfidence(matches[i], &status));
  }
  return confidences;
}

// From shortly before the first byte that is not ASCII.
std::string_view telling_part(std::string_view bytes) {
  constexpr int64_t kBefore = 64;
  const auto first = std::find_if(bytes.begin(), bytes.end(),
                                  [](char c) { return static_cast<uint8_t>(c) >= 0x80; });
  const int64_t at = first == bytes.end() ? 0 : first - bytes.begin();
  return bytes.substr(static_cast<size_t>(std::max<int64_t>(at - kBefore, 0)), kSniffedBytes);
}

// --- wide charsets

bool is_sound(UChar32 c) {
  const bool is_control = c < 0x20 && c != '\t' && c != '\n' && c != '\r' && c != '\f';
  return !is_control && c <= 0x10FFFF && u_isdefined(c) && (c < 0xD800 || c > 0xDFFF);
}

UChar32 unit_at(std::string_view bytes, size_t at, size_t width, bool is_little) {
  uint32_t unit = 0;
  for (size_t i = 0; i < width; ++i) {
    unit = unit << 8 | static_cast<uint8_t>(bytes[at + (is_little ? width - 1 - i : i)]);
  }
  return static_cast<UChar32>(std::min<uint32_t>(unit, 0x110000));
}

bool is_utf32(std::string_view bytes, bool is_little) {
  for (size_t at = 0; at + 4 <= bytes.size(); at += 4) {
    if (!is_sound(unit_at(bytes, at, 4, is_little))) return false;
  }
  return bytes.size() >= 8;
}

// Of the blanks, ASCII and stops that occur in every language: their bytes are control characters
// elsewhere, so a few among sound characters tell.
bool is_utf16(std::string_view bytes, bool is_little) {
  int64_t n_units = 0;
  int64_t n_usual = 0;
  int64_t n_unsound = 0;
  for (size_t at = 0; at + 2 <= bytes.size(); at += 2) {
    const UChar32 unit = unit_at(bytes, at, 2, is_little);
    const bool is_surrogate = unit >= 0xD800 && unit <= 0xDFFF;
    ++n_units;
    n_usual += (unit >= 0x20 && unit < 0x7F) || unit == '\n' || unit == 0x3001 || unit == 0x3002;
    n_unsound += !is_surrogate && !is_sound(unit);
  }
  return n_usual * 100 >= n_units && n_usual > 0 && n_unsound * 500 <= n_units;
}

}  // namespace

const char* wide_charset_of(std::string_view bytes) {
  const std::string_view sample = bytes.substr(0, kSniffedBytes);
  const auto zeros = std::count(sample.begin(), sample.end(), '\0');
  // Text with a stray zero in it stays what it is.
  const bool is_narrow = std::all_of(sample.begin(), sample.end(), [](char c) {
    return c == '\0' || c == '\t' || c == '\n' || c == '\r' || (c >= ' ' && c < 0x7F);
  });
  if (is_narrow && zeros * 5 < std::ssize(sample) * 2) return nullptr;
  if (is_utf32(sample, /*is_little=*/true)) return "UTF-32LE";
  if (is_utf32(sample, /*is_little=*/false)) return "UTF-32BE";
  const bool is_little = is_utf16(sample, /*is_little=*/true);
  const bool is_big = is_utf16(sample, /*is_little=*/false);
  if (is_little == is_big) return nullptr;
  return is_little ? "UTF-16LE" : "UTF-16BE";
}

bool looks_like_iso2022(std::string_view bytes) {
  const std::string_view sample = bytes.substr(0, kSniffedBytes);
  return sample.find("\x1B$") != std::string_view::npos &&
         std::all_of(bytes.begin(), bytes.end(),
                     [](char c) { return static_cast<uint8_t>(c) < 0x80; });
}

std::string likely_charset(std::string_view bytes) {
  const std::string_view sample = telling_part(bytes);
  const auto witness = confidences(sample);
  std::string best = "windows-1252";
  double best_score = kScoreMin;
  const auto consider = [&](const char* charset, double score) {
    const auto confidence = witness.find(charset);
    if (confidence != witness.end()) score += kWitness * confidence->second / 100;
    if (score <= best_score + kMargin) return;
    best = charset;
    best_score = score;
  };
  if (looks_like_iso2022(sample)) {
    for (const char* charset : {"ISO-2022-KR", "ISO-2022-CN"}) {
      if (witness.contains(charset)) best = charset;
    }
    return witness.contains("ISO-2022-JP") || best == "windows-1252" ? "ISO-2022-JP" : best;
  }
  for (const Language& language : kLanguages) {
    const auto text = decoded_as(sample, language.charset);
    if (!text) continue;
    consider(language.charset,
             score_of(icu::UnicodeString::fromUTF8(*text), Alphabet(language.letters)));
  }
  for (const PairCharset& pairs : kPairCharsets) {
    consider(pairs.charset, score_of(sample, pairs.score, pairs.score == score_shift_jis));
  }
  return best;
}

}  // namespace widenet::ingest
