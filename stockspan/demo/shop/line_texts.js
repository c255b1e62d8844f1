// What the page says of the line to the ERP.

export const LINE_TEXTS = {
  en: {
    erp_here: "The ERP is connected.", erp_break: "Break the ERP", erp_mend: "Mend the ERP",
    erp_away: "The ERP is away since {since}. Look, reserve and order as ever: orders wait for it.",
    erp_stock_age: "Stock as of {at} ({age} old).", erp_price_age: "Prices as of {at} ({age} old).",
    erp_catching_up: "The ERP is back. Catching up …", erp_caught_up: "The ERP is back, and all has caught up within {seconds}.",
  },
  sv: {
    erp_here: "Affärssystemet är anslutet.", erp_break: "Bryt affärssystemet", erp_mend: "Laga affärssystemet",
    erp_away: "Affärssystemet är borta sedan {since}. Titta, reservera och beställ som vanligt: order väntar på det.",
    erp_stock_age: "Lager per {at} ({age} gammalt).", erp_price_age: "Priser per {at} ({age} gamla).",
    erp_catching_up: "Affärssystemet är tillbaka. Hämtar ikapp …", erp_caught_up: "Affärssystemet är tillbaka, och allt är ikapp inom {seconds}.",
  },
  nl: {
    erp_here: "Het ERP is verbonden.", erp_break: "Breek het ERP", erp_mend: "Herstel het ERP",
    erp_away: "Het ERP is weg sinds {since}. Kijk, reserveer en bestel zoals altijd: orders wachten erop.",
    erp_stock_age: "Voorraad van {at} ({age} oud).", erp_price_age: "Prijzen van {at} ({age} oud).",
    erp_catching_up: "Het ERP is terug. Bezig met bijwerken …", erp_caught_up: "Het ERP is terug, en alles is binnen {seconds} bijgewerkt.",
  },
  ro: {
    erp_here: "ERP-ul este conectat.", erp_break: "Întrerupe ERP-ul", erp_mend: "Repară ERP-ul",
    erp_away: "ERP-ul lipsește din {since}. Priviți, rezervați și comandați ca de obicei: comenzile îl așteaptă.",
    erp_stock_age: "Stoc de la {at} (vechi de {age}).", erp_price_age: "Prețuri de la {at} (vechi de {age}).",
    erp_catching_up: "ERP-ul a revenit. Se actualizează …", erp_caught_up: "ERP-ul a revenit, și totul este la zi în {seconds}.",
  },
  de: {
    erp_here: "Das ERP ist verbunden.", erp_break: "ERP unterbrechen", erp_mend: "ERP wiederherstellen",
    erp_away: "Das ERP ist seit {since} weg. Ansehen, reservieren und bestellen wie immer: Aufträge warten darauf.",
    erp_stock_age: "Bestand von {at} ({age} alt).", erp_price_age: "Preise von {at} ({age} alt).",
    erp_catching_up: "Das ERP ist wieder da. Es wird aufgeholt …", erp_caught_up: "Das ERP ist wieder da, und alles ist innerhalb von {seconds} aufgeholt.",
  },
};
