// Takes the place of std::ostringstream in libzmq, which puts addresses and numbers together with it. A stream knows locales,
// and those come with all that they know, of dates and of currencies: a sixth of a wheel, where the C++ runtime is linked in.

#ifndef BROKERLESS_TEXT_HPP
#define BROKERLESS_TEXT_HPP

#include <string>

namespace zmq
{
class text_t
{
  public:
    text_t &operator<< (const std::string &more_)
    {
        _text += more_;
        return *this;
    }

    text_t &operator<< (const char *more_)
    {
        _text += more_;
        return *this;
    }

    // A character is no number: std::to_string would write its code.
    text_t &operator<< (char) = delete;

    template <typename T> text_t &operator<< (T number_)
    {
        _text += std::to_string (number_);
        return *this;
    }

    const std::string &str () const { return _text; }

  private:
    std::string _text;
};
}

#endif
