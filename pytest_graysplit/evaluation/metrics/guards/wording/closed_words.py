"""Closed lists of words that turn the meaning of a sentence, in eight languages: denial, duty, quantity, condition.

Each line is a symbol and the phrases that mean it. An apostrophe is written as a space, as the words of a text are.
"""

# A sentence with one of these denies something; the last lines deny by a verb, an adjective or a preposition.
DENIALS = """
NOT: not, no, never, none, neither, nobody, nothing, nowhere, no longer, no one, by no means, in no case, under
 no circumstances, at no time
NOT: nicht, kein, keine, keinen, keinem, keiner, keines, nie, niemals, niemand, nichts, weder, keinesfalls, auf
 keinen fall, unter keinen umständen, in keinem fall, nicht mehr
NOT: ne pas, pas, jamais, aucun, aucune, rien, personne ne, ni, n est pas, ne sont pas, en aucun cas, non
NOT: nunca, jamás, ningún, ninguna, ninguno, nada, nadie, tampoco, en ningún caso
NOT: mai, nessun, nessuno, nessuna, niente, nulla, né, in nessun caso
NOT: não, nao, nenhum, nenhuma, ninguém, nem, em caso algum, em nenhuma circunstância
NOT: niet, geen, nooit, niemand, niets, in geen geval, niet meer
NOT: 不, 没, 没有, 無, 无, 别, 未, 勿, 莫, 并非, 并不, 并没有, 绝不, 从不, 从未, 不会, 不是, 毫无
NOT: without, ohne, sans, sin, sem, senza, zonder, rather than, instead of, anstatt, statt, plutôt que, au lieu
 de, en lugar de, en vez de, invece di, piuttosto che, em vez de, in plaats van, 而不是, 而非
NOT: unable to, unable, not able to, impossible, failed to, fails to, fail to, failing to, refused to, refuses
 to, refuse to, declined to, declines to, decline to, lack, lacks, lacked, lacking, lack of,  exempt from, devoid of, ceased to, neglected to, avoid, avoids, missing
NOT: unmöglich, außerstande, weigert, weigerte, weigerten, lehnt ab, lehnte ab, fehlt, fehlen,
 unterlassen, vermeiden, frei von, verzichtet auf, verzichten auf
NOT: incapable de, refuse de, refusé de, refusent de, manque, dépourvu de, dépourvue de, évitez,
 éviter, dans l impossibilité de, s abstient de
NOT: imposible, incapaz de, se negó a, se niega a, falta, faltan, carece de, evite, evitar
NOT: impossibile, incapace di, si rifiuta di, si è rifiutato di, manca, privo di, priva di, evitare,
 eviti
NOT: impossível, recusou se a, recusa se a, carece de, evite
NOT: onmogelijk, weigert te, weigerde te, weigert, weigerde, ontbreekt, vrij van, vermijd, vermijden
NOT: 无法, 不能够, 缺乏, 缺少, 难以, 避免
"""

# Idioms in which a word of denial does not deny the rest, and words that deny inside.
IDIOMS = """
WELCOME: feel free to, do not hesitate to, don t hesitate to, please do not hesitate to, please don t hesitate
 to, are welcome to, zögern sie nicht, gerne, n hésitez pas à, n hésitez pas, hésitez pas à, no dude en, no dudes
 en, non esiti a, non esitate a, não hesite em, aarzel niet om, 请随时, 随时, 欢迎随时, 不要犹豫, 请不要犹豫, 别犹豫
REMEMBER: remember to, do not forget to, don t forget to, be sure to, make sure to, make sure you, vergessen sie
 nicht, denken sie daran, n oubliez pas de, pensez à, no olvide, no olvides, recuerde, recuerda, non dimenticare
 di, ricorda di, ricordati di, não se esqueça de, lembre se de, vergeet niet om, vergeet niet, denk eraan om,
 别忘了, 不要忘记, 请记得, 记得
FREE: free of charge, for free, free, no charge, no fee, no fees, no cost, no costs, at no charge, at no cost,
 at no extra cost, no extra charge, no additional charge, no additional cost, without charge, without any charge,
 costs nothing, not charged, complimentary, cost free, kostenlos, gratis, kostenfrei, umsonst, gebührenfrei,
 unentgeltlich, keine kosten, keine gebühren, keine gebühr, ohne kosten, ohne gebühr, ohne gebühren, ohne
 aufpreis, kostet nichts, ne coûte rien, gratuit, gratuite, gratuits, gratuites, gratuitement, sans frais, aucun
 frais, aucuns frais, pas de frais, sans supplément, ne coûte rien, gratuito, gratuita, gratuitos, gratuitas, sin
 costo, sin coste, sin cargo, sin gastos, no cuesta nada, ningún costo, ningún coste, senza costi, senza spese,
 senza costi aggiuntivi, nessun costo, non costa nulla, non costa niente, sem custo, sem custos, sem taxas, sem
 encargos, de graça, grátis, não custa nada, kosteloos, zonder kosten, geen kosten, kost niets, 免费, 免費, 不收费,
 不收取费用, 不收取任何费用, 不需要付费, 无需付费, 无需支付费用, 不收运费, 包邮, 免运费
PAID: kostenpflichtig, gebührenpflichtig, payant, payante, payants, payantes, de pago, a pagamento, pago, paga,
 betaald, tegen betaling, subject to a charge, subject to a fee, subject to charge, for a fee, chargeable, costs
 money, costs extra, kostet etwas, 收费, 付费, 需付费, 要收费
NEUTRAL: not only, no problem, no doubt, no matter, not just, not merely, not necessarily, whether or not, if
 not, nicht nur, non seulement, no solo, no sólo, non solo, non soltanto, não só, não apenas, niet alleen, 不仅,
 不但, 不只, 不过, 不断, 不久, 差不多, 对不起, 不好意思, 不错, 不管, 不论, 无论, 特别, 分别, 别人, 级别, 类别, 性别, 识别, 区别, 个别, 非常, 未来, 是否, 否则, 没关系,
 没问题, 无理由, 不同, 不少, 了不起, 无线, 无限, 无数, 未必, 不妨, 不如, 功能, 性能, 智能, 可能, 节能, 能量, 能源
NEUTRAL: managed to, manages to, manage to, succeeded in, succeeds in, ist es gelungen, gelang es, a réussi à, ont réussi à, logró, lograron, è riuscito a, è riuscita a, conseguiu
NEUTRAL: already, yet, still, even though, even if, schon, bereits, noch, déjà, encore, ya, aún, todavía, già, ancora, já, ainda, al, nog, 已经, 已, 还, 仍, 仍然
MORETHAN: more than, less than, longer than, later than, fewer than, higher than, exceed, exceeds, exceeding, older than, mehr als, weniger als, länger als, später als, überschreiten, überschreitet, plus de, moins de, dépasser, dépasse,
 más de, menos de, superar, supera, exceder, più di, meno di, superare, mais de, mais do que, menos de, exceder, ultrapassar, meer dan, minder dan, langer dan, later dan, overschrijden, 超过, 多于, 少于, 高于, 低于, 晚于
NEUTRAL: no more than, not more than, no less than, not less than, no later than, not later than, no fewer than,
 not fewer than, must not exceed, may not exceed, not exceed, not exceeding, nicht mehr als, nicht weniger als,
 nicht später als, nicht länger als, nicht überschreiten, pas plus de, pas moins de, ne pas dépasser, no más de,
 no menos de, non più di, non meno di, non oltre, não mais de, não mais do que, não menos de, niet meer dan, niet
 minder dan, niet later dan, 不超过, 不多于, 不少于, 不低于, 不高于, 不迟于, 不足, 不到, 不晚于, 不得超过, 不得少于
"""

# Duty, advice, permission, ban, and the absence of a duty.
DUTIES = """
MUST: must, shall, has to, have to, had to, need to, needs to, is required to, are required to, is obliged to,
 are obliged to, is obligated to, are obligated to, it is mandatory to
MUSS: muss, müssen, musst, müsst, ist verpflichtet, sind verpflichtet, muß, hat zu, haben zu
MUST: doit, doivent, devez, devons, dois, il faut, est tenu de, sont tenus de, est obligé de, êtes tenu de
MUST: debe, deben, debes, debemos, tiene que, tienen que, tienes que, hay que, está obligado a, está obligada a,
 están obligados a
MUST: deve, devono, devi, dovete, bisogna, è obbligato a, è tenuto a, è obbligata a, è tenuta a
MUST: devem, tem de, tem que, têm de, têm que, é obrigado a, são obrigados a, precisa de
MUST: moet, moeten, is verplicht, zijn verplicht, dient te, dienen te
MUST: 必须, 必須, 务必, 一定要, 需要, 须, 应当, 不得不
SHOULD: should, ought to, is advised to, are advised to, sollte, sollten, solltest, soll, sollen, devrait,
 devriez, devraient, debería, deberían, deberías, dovrebbe, dovrebbero, dovresti, deveria, deveriam, zou moeten,
 zouden moeten, 应该, 最好, 建议
MAY: may, can, could, might, is allowed to, are allowed to, is permitted to, are permitted to, is entitled to,
 are entitled to, has the right to, have the right to, is able to, are able to, is free to, are free to
DARF: darf, dürfen, darfst, dürft, kann, können, kannst, könnt, könnte, könnten, ist berechtigt, sind berechtigt
MAY: peut, peuvent, pouvez, peux, pouvons, pourrait, est autorisé à, sont autorisés à, est en droit de, a le
 droit de, ont le droit de
MAY: puede, pueden, puedes, podemos, podrá, podrán, está autorizado a, tiene derecho a, tienen derecho a
MAY: può, possono, puoi, potete, potrebbe, è autorizzato a, ha il diritto di, hanno il diritto di
MAY: pode, podem, podes, podemos, poderá, poderão, está autorizado a, tem o direito de, têm o direito de
DARF: mag, mogen, kan, kunnen, kunt, is bevoegd om, heeft het recht om
MAY: 可以, 可, 能, 能够, 有权
BAN: must not, mustn t, may not, cannot, can not, can t, cant, could not, couldn t, shall not, must never, may
 never, is not allowed to, are not allowed to, is not permitted to, are not permitted to, is forbidden to, are
 forbidden to, is prohibited from, are prohibited from, is not able to, are not able to
BAN: darf nicht, dürfen nicht, darf kein, darf keine, darf keinen, dürfen keine, dürfen keinen, kann nicht,
 können nicht
BAN: ne doit pas, ne doivent pas, ne devez pas, ne peut pas, ne peuvent pas, ne pouvez pas, il ne faut pas
BAN: no debe, no deben, no puede, no pueden, no puedes, no debes, non deve, non devono, non può, non possono,
 non devi, non puoi, não deve, não devem, não pode, não podem
BAN: mag niet, mogen niet, mag geen, mogen geen, moet niet, moeten niet, kan niet, kunnen niet, kunt niet, 不得,
 不可以, 不可, 不能, 不准, 不许, 不应, 不应当, 严禁, 切勿
NEEDNOT: need not, needn t, do not have to, does not have to, don t have to, doesn t have to, do not need to,
 does not need to, don t need to, doesn t need to, is not required to, are not required to, aren t required to,
 isn t required to, is not obliged to, are not obliged to, no need to, there is no need to
NEEDNOT: muss nicht, müssen nicht, musst nicht, brauchen nicht, braucht nicht, brauchst nicht, brauchst dich nicht, brauchen sich nicht, braucht sich nicht, ist nicht
 verpflichtet, sind nicht verpflichtet
NEEDNOT: n est pas obligé de, n est pas tenu de, n êtes pas tenu de, ne sont pas tenus de, n êtes pas obligé de,
 n avez pas besoin de, n a pas besoin de, n a pas à, n avez pas à
NEEDNOT: no tiene que, no tienen que, no tienes que, no hace falta, no es necesario, no necesita, no está
 obligado a, non è obbligato a, non è tenuto a, non è necessario, non occorre, non serve, não precisa de, não
 precisa, não precisam, não tem de, não tem que, não é obrigado a, não é necessário
NEEDNOT: hoeft niet, hoeven niet, hoeft geen, hoeven geen, is niet verplicht, zijn niet verplicht, 不必, 无需, 無需,
 不需要, 不用, 无须, 毋须
"""

QUANTITIES = """
ALL: all, every, each, everyone, everybody, always, alle, allen, aller, alles, jede, jeder, jedes, jeden, jedem,
 sämtliche, immer, stets, tous, toutes, tout, toute, chaque, toujours, tous les, toutes les, todos, todas, todo,
 toda, cada, siempre, tutti, tutte, ogni, ciascun, ciascuno, sempre, alle, elke, elk, ieder, iedere, altijd, 所有,
 全部, 每, 每个, 每次, 总是, 始终, 一切, 任何, 都, 均
MOST: most, mostly, usually, generally, the majority of, most of, die meisten, meisten, meist, meistens,
 überwiegend, la plupart des, la plupart, le plus souvent, généralement, la mayoría de, la mayoría, generalmente,
 la maggior parte dei, la maggior parte delle, la maggior parte, di solito, a maioria dos, a maioria das, a
 maioria, geralmente, de meeste, meestal, 大多数, 大部分, 多数, 通常, 一般
MANY: many, numerous, a lot of, lots of, viele, vielen, zahlreiche, beaucoup de, de nombreux, de nombreuses, muchos, muchas, molti, molte, numerosi, muitos, muitas, veel, vele, 许多, 很多, 大量, 众多
BOTH: both, beide, les deux, ambos, ambas, entrambi, entrambe, 双方, 两者, 两个都
EITHER: either, one of, eine der, einer der, eines der, l un ou l autre, cualquiera de, uno de, una de, uno dei, una delle, um dos, uma das, een van de, 任一, 任意一
SOME: part of, parts of, a part of, ein teil, teile, une partie, parte de, una parte de, parte dei, una parte dei, parte das, parte dos, uma parte, een deel, 一部分, some, several, sometimes, a few, certain, occasionally,  einige, manche,
 manchmal, gelegentlich, mehrere,  certains,
 certaines, quelques, quelques uns, parfois, plusieurs,  algunos, algunas,
 algún, alguna, a veces, varios, varias,  alcuni, alcune, qualche, talvolta, a
 volte, diversi,  alguns, algumas, às vezes, vários, várias,  sommige, enkele, soms, bepaalde, enige,  部分, 一些, 有些, 有的, 有时, 某些, 个别,
 少数, 
NOTALL: not all, not every, not always, not everyone, nicht alle, nicht jeder, nicht jede, nicht jedes, nicht immer, pas tous, pas toutes, pas toujours, pas tous les, pas toutes les, no todos, no todas, no siempre, non tutti, non tutte, non sempre, nem todos, nem todas, nem sempre, niet alle, niet altijd, 不是所有, 并非所有, 不是每, 不总是, 并不总是
FEW: few, a minority of, rarely, seldom, hardly, hardly ever, hardly any, barely, scarcely, kaum, à peine, guère, apenas, a malapena, mal, nauwelijks, 几乎不, 几乎没有, wenige, wenigen, selten, peu de, rarement, pocos, pocas, rara vez, raramente, pochi, poche,
 poucos, poucas, raramente, weinig, zelden, 很少, 极少
ONLY: only, solely, exclusively, nur, ausschließlich, lediglich, seulement, uniquement, exclusivement, solo,
 sólo, solamente, únicamente, exclusivamente, soltanto, solamente, esclusivamente, somente, apenas, só,
 unicamente, alleen, slechts, uitsluitend, 只, 仅, 只有, 仅限, 仅仅, 只能, 唯一
EVEN: even, sogar, selbst, même, incluso, aun, aunque sea, anche, persino, perfino, mesmo, até mesmo, inclusive,
 zelfs, 甚至, 即使, 哪怕
"""

CONDITIONS = """
IF: if, provided that, provided, as long as, in case, falls, wenn, sofern, sobald, si, à condition que, à
 condition de, s il, siempre que, si es que, se, purché, a condizione che, desde que, caso, als, indien, mits, op
 voorwaarde dat, 如果, 若, 只要, 假如, 如, 倘若
UNLESS: unless, except if, except when, es sei denn, außer wenn, außer, sauf si, à moins que, sauf, a menos que,
 a no ser que, salvo que, salvo si, a meno che, a meno che non, salvo se, salvo, a menos que, a não ser que,
 exceto se, tenzij, behalve als, behalve, 除非
AND: and, und, et, y, e, ed, en, 和, 及, 与, 并, 且, 以及, 并且, 而且, sowie, ainsi que
OR: or, oder, ou, o, u, od, oppure, of, 或, 或者, beziehungsweise, ou bien
BEFORE: before, prior to, bevor, vor, ehe, avant, avant de, avant que, antes de, antes que, antes, prima di,
 prima che, prima, antes do, antes da, voordat, vóór, voor, 之前, 以前, 前
AFTER: after, once, following, nachdem, nach, sobald, après, après que, une fois, después de, después que,
 después, tras, una vez, dopo, dopo che, una volta, depois de, depois que, depois do, depois da, depois, após,
 nadat, na, zodra, 之后, 以后, 后
THEN: then, afterwards, subsequently, dann, danach, anschließend, puis, ensuite, luego, poi, e poi, daarna, vervolgens, 然后, 再, 接着, 随后
UNTIL: until, till, by, bis, bis zum, jusqu à, jusqu au, jusqu, hasta, fino a, fino al, até, até ao, tot, tot en
 met, 直到, 截至, 到, 至, 止
SINCE: from, since, as of, starting, ab, seit, von, à partir de, à partir du, dès, depuis, desde, a partir de, a
 partir del, a partire da, a partire dal, dal, da, a partir do, vanaf, sinds, 从, 自, 起
"""
