"""Opposites in eight languages: words that turn a sentence round, and roles that exclude each other.

The words on the left of the mark affirm and those on the right deny, so that "not open" can equal "closed".
Common endings are cut, so one form of a word stands for several.
"""

PAIRS = """
allowed allow allows permitted permit permits permissible approved approve accepted accept authorized authorised
 granted grant admitted erlaubt erlauben erlaubte gestattet zulässig zugelassen genehmigt autorisé autorisée
 autorise permis permise permet admis accepté acceptée permitido permitida permitidos permite autorizado
 autorizada aceptado aceptada aprobado aprobada admitido admite consentito consentita permesso permessa ammesso
 ammessa approvato approvata accettato accettata aprovado aprovada aceito aceite toegestaan geoorloofd toegelaten
 goedgekeurd geaccepteerd 允许 准许 许可 批准 同意 接受 通过 | forbidden forbid forbids prohibited prohibit prohibits banned
 ban denied deny denies rejected reject rejects refused disallowed declined verboten verbietet untersagt
 unzulässig abgelehnt verweigert interdit interdite interdits interdites interdire défendu refusé refusée rejeté
 rejetée proscrit prohibido prohibida prohibidos prohíbe denegado denegada rechazado rechazada vedado vietato
 vietata vietati vietate proibito proibita respinto respinta rifiutato rifiutata negato proibido proibida
 proibidos vedado recusado recusada rejeitado rejeitada negado verboden afgewezen geweigerd afgekeurd 禁止 严禁 拒绝 驳回
 不许 不同意
required mandatory compulsory obligatory necessary requirement erforderlich verpflichtend notwendig
 obligatorisch zwingend nötig vorgeschrieben obligatoire obligatoires nécessaire requis requise obligatorio
 obligatoria obligatorios necesario necesaria obbligatorio obbligatoria necessario necessaria obrigatório
 obrigatória necessário verplicht vereist noodzakelijk nodig 必需 强制 必填 | optional voluntary unnecessary freiwillig
 überflüssig optionnel optionnelle facultatif facultative opcional facultativo facultativa opzionale facoltativo
 facoltativa voluntario optioneel vrijwillig facultatief 可选 自愿 选填
open opened opens offen geöffnet öffnen öffnet ouvert ouverte ouverts ouvertes ouvre ouvrir ouvrez abierto
 abierta abiertos abre abrir abra aperto aperta aperti apre aprire aprite aberto aberta abertos abre geopend
 opent openen 打开 开放 开启 营业 开门 | closed close closes shut geschlossen schließen schließt fermé fermée fermés ferme
 fermer fermez cerrado cerrada cerrados cierra cerrar cierre chiuso chiusa chiusi chiude chiudere fechado fechada
 fechados fecha fechar gesloten dicht sluit sluiten 关闭 关门 关上 停业 打烊
increase increased increases increasing rise rose rises risen raise raised grow grew grown grows growth climb
 climbed gained gain gestiegen steigt steigen stieg erhöht erhöhen gewachsen zugenommen steigern augmenté
 augmentée augmente augmenter augmentation hausse progressé aumentó aumentado aumenta aumentar aumento subió subieron subiram subiu suben sube
 subido subir creció crecido aumentato aumentata aumentano cresciuto cresciuta cresce salito sale aumentou
 aumentaram subiu cresceu gestegen stijgt stijgen steeg toegenomen verhoogd verhogen 增加 增长 上升 提高 上涨 升高 | decrease
 decreased decreases decreasing fall fell falls fallen reduce reduced drop dropped drops decline lower lowered
 shrank shrink lost gesunken sinkt sinken sank gesenkt senken gefallen verringert reduziert zurückgegangen
 abgenommen diminué diminuée diminue diminuer diminution baisse baissé réduit réduire reculé disminuyó disminuido
 disminuye disminuir bajó bajaron bajan baja bajado bajar cayó cayeron reducido reduce diminuito diminuita diminuisce calato calata
 sceso scende ridotto ridurre ridurre diminuiu diminuíram desceram desceu caiu baixou reduziu reduzido gedaald daalt dalen daalde
 afgenomen verlaagd verlagen 减少 下降 降低 下跌 减小 缩小
enabled enable enables activated activate active activa aktiviert aktivieren aktiv eingeschaltet einschalten
 activé activer activée activez activado activar active activa activo attivato attivare attivo attiva ativado
 ativar ativo ativa ingeschakeld inschakelen geactiveerd actief 启用 激活 开启 | disabled disable disables deactivated
 deactivate inactive deaktiviert deaktivieren inaktiv ausgeschaltet ausschalten désactivé désactiver désactivée
 désactivez inactif desactivado desactivar desactive inactivo disattivato disattivare disattiva inattivo
 desativado desativar desative inativo uitgeschakeld uitschakelen gedeactiveerd inactief 禁用 停用 关闭
positive positiv positif positivo positiva positief detected detect detects found nachgewiesen erkannt gefunden
 détecté détectée détecte détecter détectés trouvé detectó detectado detecta rilevato rilevata rileva detectou
 aangetoond gevonden 阳性 检出 检测出 发现 | negative negativ négatif négative negativo negativa negatief 阴性
left links linke linken linkes linker gauche izquierda izquierdo sinistra sinistro esquerda esquerdo linker
 linkse 左 左侧 左边 | right rechts rechte rechten rechtes rechter droite droit derecha derecho destra destro direita
 direito rechter rechtse 右 右侧 右边
bought buy buys purchase purchased purchases gekauft kaufte kaufen kauft erworben acheté achète acheter achètent
 compró comprado compra comprar compraron comprato compra acquistato acquista comprou comprado comprar gekocht
 kocht kopen koopt 买入 购买 买 买了 | sold sell sells verkauft verkaufte verkaufen veräußert vendu vend vendre vendent
 vendió vendido vende vender vendieron venduto vende vendere vendeu vendido vender verkocht verkoopt verkopen 卖出
 出售 卖 卖了 售出
true wahr vrai vraie verdadero verdadera cierto vero vera verdadeiro verdadeira waar 真 correct richtig korrekt
 exact exacte correcto correcta corretto corretta correto correta juist 正确 right | false falsch faux fausse falso
 falsa onwaar onjuist 假 incorrect wrong inkorrekt inexact incorrecto incorrecta scorretto errato errata incorreto
 incorreta errado fout 错误
above over oberhalb über dessus encima superior superiore sopra acima superiores boven supérieure supérieur
 exceeding oltre 高于 以上 之上 超过
 | below under underneath beneath unterhalb unter dessous debajo inferior inferiore
 sotto abaixo inferiores onder beneden inférieure inférieur 低于 以下 之下
more greater plus mehr größer más mayor più maggiore mais maior meer groter higher höher hoger 更多 大于 多于 更高
 higher longer länger langer larger bigger 更大 更长 | less fewer smaller moins weniger kleiner menos menor meno
 minore minder kleiner niedriger lager 更少 小于 少于 更低 shorter kürzer korter 更小 更短
maximum max maximal maximale höchst höchstens maximaal máximo máxima massimo massima máximos 最大 最多 最高 | minimum
 min minimal minimale mindest mindestens minimaal mínimo mínima minimo minima 最小 最少 最低
included include includes including inbegriffen enthalten enthält inklusive einschließlich inclus incluse inclut
 comprise compris incluido incluida incluye incluso inclusa inclusi comprende compreso compresa incluído incluída
 inclui inbegrepen inclusief omvat 包括 包含 含 | excluded exclude excludes excluding ausgeschlossen ausgenommen
 exklusive exclus excluse exclut excluido excluida excluye escluso esclusa esclusi esclude excluído excluída
 exclui uitgesloten exclusief 不包括 不含 除外 排除
inside within indoors indoor innerhalb innen drinnen intérieur dedans dentro interior interno interna dentro
 interior binnen binnenshuis 内部 室内 里面 以内 境内 | outside outdoors outdoor außerhalb außen draußen extérieur dehors
 fuera exterior esterno esterna fuori exterior fora buiten buitenshuis 外部 室外 外面 以外 境外
safe secure harmless sicher ungefährlich harmlos gefahrlos sûr sûre sûrs inoffensif sécurisé seguro segura
 seguros inofensivo sicuro sicura sicuri innocuo inofensivo veilig onschadelijk ongevaarlijk 安全 无害 | dangerous
 unsafe harmful hazardous insecure gefährlich unsicher schädlich dangereux dangereuse nocif nocive peligroso
 peligrosa dañino dañina pericoloso pericolosa dannoso dannosa perigoso perigosa nocivo nociva gevaarlijk
 onveilig schadelijk 危险 有害 不安全
legal lawful legitimate rechtmäßig gesetzlich legitim légal légale légitime lícito lecito lecita legale lícita
 wettelijk rechtmatig legaal 合法 | illegal unlawful illegitimate rechtswidrig gesetzwidrig illégal illégale
 illicite ilegal ilegales ilícito illegale illecito illecita ilegais ilícita onwettig onrechtmatig illegaal 非法 违法
 不合法
valid gültig valide valable vigente válido válida valido valida geldig 有效 | invalid ungültig expired abgelaufen
 invalide périmé expiré expirée inválido inválida caducado vencido caducada scaduto scaduta expirado expirada
 ongeldig verlopen 无效 过期 失效
pass passed passes succeed succeeded succeeds success successful bestanden erfolgreich gelungen réussi réussie
 réussite réussit aprobó éxito superado superó superato superata riuscito successo passou sucesso aprovado
 geslaagd gelukt succesvol 成功 通过 及格 | fail failed fails failure unsuccessful durchgefallen fehlgeschlagen
 gescheitert misslungen erfolglos échoué échec échoue fracasó falló suspendió fallido fallito fallita fallimento
 bocciato falhou fracasso reprovado mislukt gefaald gezakt 失败 未通过 不及格
start started starts begin began begins starting beginnt beginnen begann gestartet startet commence commencer
 commencé débute empieza comienza comenzar empezar inicia inizia iniziare comincia começa começar inicia start
 begint gestart 开始 启动 | stop stopped stops end ended ends finish finished endet enden beendet endete stoppt
 termine terminer finit fini termina terminar acaba finaliza finisce finire termina termina acaba terminar
 eindigt stopt gestopt einde 结束 停止 终止
add added adds insert hinzufügen hinzugefügt fügen ajoutez ajouter ajouté añada añadir añadido agregar agregue
 aggiungere aggiungi aggiunto adicionar adicione adicionado toevoegen toegevoegd 添加 加入 新增 | remove removed
 removes delete deleted entfernen entfernt löschen gelöscht supprimez supprimer supprimé retirez retirer enlever
 elimine eliminar eliminado quite quitar rimuovere rimuovi rimosso eliminare remover remova removido excluir
 verwijderen verwijderd verwijder 删除 移除 去掉
connected connect verbunden verbinden angeschlossen anschließen connecté connecter connectez branché branchez
 conectado conectar conecte enchufe collegato collegare collega connesso ligado ligar ligue aangesloten verbonden
 aansluiten 连接 接通 | disconnected disconnect unplug unplugged getrennt trennen déconnecté déconnecter débranché
 débranchez desconectado desconectar desconecte desenchufe scollegato scollegare scollega disconnesso desligado
 desligar desligue losgekoppeld loskoppelen 断开 拔掉
locked lock verriegelt gesperrt sperren verrouillé verrouiller bloqueado bloquear bloccato bloccare trancado
 vergrendeld geblokkeerd 锁定 上锁 | unlocked unlock entriegelt entsperrt entsperren déverrouillé déverrouiller
 desbloqueado desbloquear sbloccato sbloccare destrancado ontgrendeld gedeblokkeerd 解锁
encrypted encrypt verschlüsselt chiffré chiffrée cifrado cifrada crittografato crittografati criptografado
 encriptado versleuteld 加密 | decrypted decrypt unencrypted entschlüsselt unverschlüsselt déchiffré descifrado
 decifrato decriptado ontsleuteld 解密 未加密
full voll plein pleine lleno llena pieno piena cheio cheia vol 满 | empty leer vide vacío vacía vuoto vuota vazio
 vazia leeg 空
hot warm heiß chaud chaude caliente caldo calda quente heet 热 | cold cool kalt froid froide frío fría freddo
 fredda frio koud 冷
high hoch hohe hohen hohes haut haute élevé élevée alto alta alti alte hoog hoge 高 | low niedrig niedrige
 niedrigen geringe geringen bas basse faible bajo baja basso bassa baixo baixa laag lage 低
early earlier earliest früh früher tôt temprano presto cedo vroeg vroeger 早 提前 | late later latest spät später
 tard tarde tardi tarde laat later 晚 推迟 延迟
first erste ersten erster premier première primero primera primo prima primeiro primeira eerste 第一 首 | last
 letzte letzten letzter dernier dernière último última ultimo ultima laatste 最后
win won gewonnen gewann gagné gagne ganó ganado vinto vinto ganhou gewonnen won 赢 赢了 胜诉 | lose lost loses
 verloren verlor perdu perd perdió perdido perso perde perdeu perdido verloren verloor 输 输了 败诉
profit gain gewinn bénéfice ganancia beneficio profitto utile lucro winst 利润 盈利 | loss verlust perte pérdida
 perdita perda prejuízo verlies 亏损 损失
credit credited gutgeschrieben gutschrift crédit crédité abonado abono accreditato accredito creditado crédito
 bijgeschreven 贷记 入账 | debit debited charged abgebucht belastet débit débité cargado débito addebitato addebito
 debitado afgeschreven 借记 扣款
upload hochladen télécharger subir caricare carregar uploaden 上传 | download herunterladen descargar scaricare
 baixar downloaden 下载
import importieren importer importar importare importeren 导入 进口 | export exportieren exporter exportar esportare
 exporteren 导出 出口
show shows visible sichtbar anzeigen visible visibles afficher affichez mostrar muestra visibile mostrare mostra
 visível zichtbaar tonen 显示 可见 | hide hidden hides unsichtbar ausblenden verborgen invisible caché masquer
 masquez ocultar oculto oculta invisibile nascondere nascosto invisível ocultar esconder onzichtbaar verbergen
 verborgen 隐藏 不可见
public öffentlich publique público pública pubblico pubblica openbaar publiek 公开 公共 | private privat vertraulich
 privée privado privada privato privata confidential confidentiel particulier privé vertrouwelijk 私有 私人 保密
gross grobe grober grob lourde grave graves grosseira grove grof 重大 | slight leichte leichter ordinary simple
 einfache légère leve lieve leves lichte 轻微 一般
cheap cheaper billig billiger günstiger barato barata economico baratos goedkoop goedkoper 便宜 | expensive teuer
 teurer cher chère caro cara costoso costosa duur duurder 贵 昂贵
day daytime tagsüber | night nighttime nachts
morning morgens vormittags matin mañana mattina manhã ochtend 上午 早上 | evening afternoon abends nachmittags soir
 tarde sera pomeriggio avond middag 下午 晚上
north northern nord nördlich norte noord 北 | south southern süd südlich sud sur sul zuid 南
east eastern ost östlich est este leste oost 东 | west western westlich ouest oeste ovest oeste west 西
internal intern interne interno | external extern externe externo esterno
temporary vorübergehend temporaire temporal temporaneo temporário tijdelijk 临时 暂时 | permanent dauerhaft
 permanente definitivo permanentemente blijvend 永久
acute akut aigu aiguë agudo aguda acuto acuta 急性 | chronic chronisch chronique crónico crónica cronico cronica
 crônico crônica 慢性
benign gutartig bénin bénigne benigno benigna goedaardig 良性 | malignant bösartig malin maligne maligno maligna
 kwaadaardig 恶性
guilty schuldig coupable culpable colpevole culpado schuldig 有罪 | innocent unschuldig inocente innocente
 onschuldig 无罪
liable responsible haftbar haftet responsable responsabile responsável aansprakelijk 负责 承担责任 | exempt befreit
 exonéré exento esente isento vrijgesteld 免责 豁免
taxable steuerpflichtig imposable imponible imponibile tributável belastbaar 应税 | steuerfrei exonéré onbelast 免税
better besser mieux mejor meglio melhor beter 更好 | worse schlechter pire peor peggio pior slechter 更差
fast faster schnell schneller rapide rápido rapido snel sneller quick quickly rapidly rapidement 快 更快 | slow
 slower slowly langsam langsamer lent lente lento lenta langzaam lentement 慢 更慢
strong stark fort starke sterk 强 | weak schwach faible débil debole fraco zwak 弱
easy einfach facile fácil makkelijk gemakkelijk 容易 简单 | difficult hard schwierig schwer difficile difícil
 moeilijk 困难 难
agree agrees agreed stimmt zustimmen acuerdo | disagree disagrees disagreed widerspricht widersprechen
present anwesend présent présente presente presentes aanwezig 存在 出席 | absent abwesend absente ausente assente
 afwezig 缺席
alive lebend vivant vivo levend | dead tot mort muerto morto dood
fixed fest festgelegt fixe fijo fija fisso fissa fixo fixa vast vaste 固定 | variable veränderlich flexible
 variabel wisselend 浮动 可变
synchronous synchron synchrone síncrono sincrono 同步 | asynchronous asynchron asynchrone asíncrono asincrono
 assíncrono 异步
ascending aufsteigend croissant ascendente crescente oplopend 升序 | descending absteigend décroissant descendente
 decrescente aflopend 降序
odd ungerade impair impar dispari ímpar oneven 奇数 | even gerade pair par pari even 偶数
horizontal waagerecht horizontale orizzontale horizontaal 水平 | vertical senkrecht verticale vertikal verticaal
 垂直
input eingabe entrada ingresso invoer 输入 | output ausgabe salida saída uscita uitvoer 输出
read lesen leggere ler lezen 读取 只读 | write schreiben scrivere escrever schrijven 写入
send sends sent sendet gesendet senden envoie envoyé envoyer envía enviado enviar invia inviato inviare envia
 enviar verzendt verzonden sturen 发送 | receive receives received empfängt empfangen erhält reçoit reçu recevoir
 recibe recibido recibir riceve ricevuto ricevere recebe recebido receber ontvangt ontvangen 接收 收到
lend lends lent verleiht prête prestar presta | borrow borrows borrowed leiht emprunte
paid bezahlt payé payée pagado pagada pagato pagata betaald 已付 已支付 | unpaid unbezahlt offenstehend impayé
 impayée impagado insoluto onbetaald 未付 未支付
forward forwards vorwärts avant adelante avanti frente vooruit 向前 前进 | backward backwards rückwärts arrière
 atrás indietro trás achteruit 向后 后退
up aufwärts hinauf oben haut arriba su cima omhoog 向上 | down abwärts hinunter unten bas abajo giù baixo omlaag
 向下
on ein an | off aus ab
fee fees charge charges cost costs paid kosten gebühr gebühren kostenpflichtig gebührenpflichtig frais payant
 payante payants payantes coste costo cargo gastos costi spese pagamento custo custos taxa taxas betaald PAID 费用
 收费 付费 | FREE
upheld uphold confirmed bestätigt confirmé confirmada confirmado bevestigd 维持 | overturned overturn reversed quashed annulled aufgehoben annulé anulado annullato anulada vernietigd 推翻 撤销
supported support supports backed favour favor unterstützt unterstützte soutenu soutient apoya apoyó appoggia apoia steunt steunde 支持 赞成 | opposed oppose opposes rejected ablehnt opposé rechaza rechazó opuso si_oppone oppôs tegen 反对
acquitted innocent cleared freigesprochen acquitté absuelto absuelta assolto assolta absolvido vrijgesproken 无罪释放 | convicted guilty sentenced verurteilt condamné condenado condenada condannato condannata veroordeeld 判刑 定罪
welcome willkommen erwünscht bienvenus bienvenue bienvenidos benvenuti welkom 欢迎 | unwelcome unerwünscht indésirable ongewenst
taxable steuerpflichtig imposable imponible imponibile tributável 应税 | tax_free tax_exempt untaxed steuerfrei exonéré_d_impôt exento_de_impuestos esente_da_imposte isento_de_imposto belastingvrij 免税
valid gültig valable válido válida valido valida geldig | void null nullo nulo nula nulle nichtig nietig
paid bezahlt payée payé pagada pagado pagato pagata betaald settled beglichen | unpaid outstanding overdue due offen pendiente impayé impayée insoluto pendente openstaand
healthy gesund sain saine sano sana saudável gezond 健康 | sick ill unhealthy krank malade enfermo enferma malato malata doente ziek 生病
normal | abnormal
available verfügbar lieferbar disponible disponibile disponível beschikbaar 有货 | unavailable sold_out out_of_stock ausverkauft vergriffen épuisé agotado esaurito esgotado uitverkocht 缺货 售罄
online | offline
asset assets aktiva activo actif attivo 资产 | liability liabilities passiva passif pasivo passivo 负债
bull bullish | bear bearish
strengthen strengthened strengthens stärkt | weaken weakened weakens schwächt
expand expanded expands erweitert | contract contracted shrink verkleinert
advantage advantages vorteil vorteile avantage ventaja vantaggio vantagem voordeel 优点 优势 | disadvantage drawback nachteil nachteile inconvénient désavantage desventaja svantaggio desvantagem nadeel 缺点 劣势
gross brutto brut bruto lordo 税前 毛 | net netto neto nett líquido 税后 净
hired hire hires eingestellt embauché contratado assunto aangenomen 聘用 | fired fire fires dismissed entlassen licencié despedido licenziato demitido ontslagen 解雇
arrival arrives arrive arrived ankunft llegada arrivo chegada aankomst 到达 | departure departs depart leaves abfahrt abflug départ salida partenza partida vertrek 出发
entrance enter entry eingang entrée entrada entrata ingang 入口 | exit ausgang sortie salida uscita saída uitgang 出口
tighten tightened festziehen serrez serrer apriete stringere apertar vastdraaien 拧紧 | loosen loosened lockern lösen desserrez desserrer afloje allentare afrouxar losdraaien 拧松
attach attached befestigen attachez | detach detached ablösen détachez
deposit deposited einzahlen einzahlung dépôt ingresar depositare depositar storten 存款 存入 | withdraw withdrawal withdrew abheben auszahlung retrait retirar prelevare levantar opnemen 取款 取出
known bekannt connu conocido noto conhecido bekend 已知 | unknown unbekannt inconnu desconocido ignoto desconhecido onbekend 未知
major haupt erheblich majeur grave | minor geringfügig mineur leve
fertile | sterile infertile
dry trocken sec sèche seco seca secco asciutto droog 干 | wet nass humide mouillé mojado mojada bagnato molhado nat 湿
sweet süß sucré dulce dolce doce zoet 甜 | sour bitter sauer amer amargo amaro zuur 苦
young jung jeune joven giovane jovem jong 年轻 | old alt vieux viejo vecchio velho oud 年老
new neu neuf nouveau nuevo nueva nuovo novo nieuw 新 | used old gebraucht usagé usado usada usato usada gebruikt tweedehands 旧 二手
whole ganz entier entero intero inteiro heel | partial teilweise partiel parcial parziale gedeeltelijk 部分
domestic inland national nacional nazionale binnenlands 国内 | foreign ausland international étranger extranjero estero estrangeiro buitenlands 国外 国际
employed beschäftigt angestellt employé empleado occupato empregado werkzaam | unemployed arbeitslos chômeur desempleado disoccupato desempregado werkloos
married verheiratet marié casado casada sposato sposata getrouwd 已婚 | single unmarried divorced ledig célibataire soltero soltera celibe solteiro ongehuwd 未婚 单身
mutable veränderbar | immutable unveränderbar
static statisch statique estático statico | dynamic dynamisch dynamique dinámico dinamico
local lokal locale | remote entfernt distant
manual manuell manuel manuale handmatig 手动 | automatic automatisch automatique automático automatico 自动
superior | inferior
clockwise | counterclockwise anticlockwise
"""

# Opposites with other senses ("the driver left", "an early bird"): the rest of the two sentences must be the same.
MANY_SENSED = "left first hot high up on day start more above show read present send full open right"

# Roles of which one sentence names one and the other its counterpart.
ROLES = """
tenant tenants lessee renter mieter mieters mieterin locataire locataires inquilino inquilina arrendatario
 locatario conduttore arrendatário huurder 承租人 租客 租户 | landlord landlords lessor vermieter vermieters vermieterin
 bailleur propriétaire arrendador casero propietario locatore locador senhorio verhuurder 出租人 房东
buyer buyers purchaser käufer käufers käuferin acheteur acheteuse acquéreur comprador compradora acquirente
 compratore koper 买方 买家 购买方 | seller sellers vendor verkäufer verkäufers verkäuferin vendeur vendeuse vendedor
 vendedora venditore venditrice verkoper 卖方 卖家 出卖方
employer employers arbeitgeber arbeitgebers employeur empleador datore_di_lavoro datore empregador werkgever 雇主 用人单位 | employee
 employees worker arbeitnehmer arbeitnehmers employé salarié empleado trabajador dipendente lavoratore empregado
 trabalhador funcionário werknemer 雇员 员工 劳动者
doctor doctors physician arzt ärztin médecin docteur médico doctor medico dottore arts dokter 医生 医师 | patient
 patients patienten patientin paciente pacientes paziente pazienti patiënt 患者 病人
parent parents mother father eltern elternteil mère père padre padres madre genitore genitori pai pais mãe ouder
 ouders 父母 家长 | child children son daughter kind kinder kindes enfant enfants hijo hijos niño niños figlio figli
 bambino filho filhos criança kinderen 孩子 子女 儿童
sender senders absender absenders expéditeur remitente mittente remetente afzender 发件人 寄件人 发送方 | recipient
 recipients receiver addressee empfänger empfängers destinataire destinatario destinatário ontvanger 收件人 接收方
lender lenders creditor creditors gläubiger gläubigers kreditgeber darlehensgeber prêteur créancier prestamista
 acreedor creditore mutuante credor mutuante schuldeiser geldgever 债权人 贷款人 出借人 | borrower borrowers debtor
 debtors schuldner schuldners kreditnehmer darlehensnehmer emprunteur débiteur prestatario deudor debitore
 mutuatario devedor mutuário schuldenaar geldnemer 债务人 借款人
plaintiff plaintiffs claimant kläger klägers klägerin demandeur demanderesse plaignant demandante attore
 ricorrente autor requerente eiser 原告 | defendant defendants beklagte beklagten beklagter défendeur défenderesse
 demandado convenuto imputato réu requerido gedaagde verweerder 被告
teacher teachers lehrer lehrers lehrerin professeur enseignant enseignante profesor maestra maestro insegnante
 professor leraar docent 老师 教师 | student students pupil pupils schüler schülers schülerin élève élèves étudiant
 estudiante alumno studente studentessa aluno estudante leerling 学生
customer customers client clients kunde kunden kundin cliente clientes clienti klant klanten opdrachtgever 客户 顾客
 买受人 | supplier suppliers provider contractor lieferant lieferanten anbieter fournisseur prestataire proveedor
 fornitore fornecedor leverancier aannemer 供应商 供货商 服务商
licensor lizenzgeber concédant licenciante licentiegever 许可方 | licensee lizenznehmer licencié licenciatario
 licentienemer 被许可方
insurer versicherer assureur asegurador aseguradora assicuratore seguradora segurador verzekeraar 保险公司 保险人 |
 insured policyholder versicherte versicherten versicherungsnehmer assuré asegurado assicurato segurado
 verzekerde 投保人 被保险人
host hosts gastgeber hôte anfitrión anfitrião gastheer | guest guests gast gäste invité huésped ospite hóspede
 gasten 客人
husband ehemann mari marido marito echtgenoot 丈夫 | wife ehefrau épouse esposa moglie mulher echtgenote 妻子
man men mann homme hombre uomo homem 男 男性 | woman women frau femme mujer donna mulher vrouw 女 女性
brother bruder frère hermano fratello irmão broer | sister schwester sœur hermana sorella irmã zus
boy boys junge garçon niño ragazzo menino jongen | girl girls mädchen fille niña ragazza menina meisje
manager vorgesetzte supervisor | subordinate untergebene
donor spender donneur donante donatore doador | donee
franchisor franchisegeber franchiseur | franchisee franchisenehmer franchisé
trustee treuhänder | beneficiary begünstigte bénéficiaire beneficiario
server servers serveur servidor serveur 服务器 服务端 | 客户端
administrator administrators admin admins administrateur administrador amministratore beheerder 管理员 | user users
 benutzer utilisateur usuario utente utilizador usuário gebruiker 用户
principal auftraggeber mandant mandante | agent auftragnehmer mandataire mandatario
carrier frachtführer transporteur transportista vettore vervoerder 承运人 | shipper 托运人
attacker angreifer attaquant atacante aanvaller | victim opfer victime víctima vittima slachtoffer
"""
